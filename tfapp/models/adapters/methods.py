"""The adapter classes by their names in `training.adapt`, and the scale of the matrices that they add."""

from __future__ import annotations

import math

from tfapp.models.adapters.adalora import SingularValueUpdate
from tfapp.models.adapters.base import KernelAdapter
from tfapp.models.adapters.dora import DirectionUpdate
from tfapp.models.adapters.lora import LowRankUpdate

__all__ = ["adapter_class", "adapter_scale"]

_CLASSES: dict[str, type[KernelAdapter]] = {
    adapter.method: adapter for adapter in (LowRankUpdate, DirectionUpdate, SingularValueUpdate)
}


def adapter_class(method: str) -> type[KernelAdapter] | None:
    """Returns the adapter class of a name; None where no class has it."""
    return _CLASSES.get(method)


def adapter_scale(alpha: float, rank: int, *, rank_stabilized: bool = False) -> float:
    """Returns the factor by which the matrix that an adapter adds is multiplied.

    LoRA (Hu et al. 2021) takes alpha / rank. With that, larger ranks learn more slowly, since the product of two random
    matrices grows by the root of the rank only. Rank-stabilized LoRA (Kalajdzievski 2023, "rsLoRA") takes

        s = alpha / sqrt(rank)

    with which neither the outputs nor the gradients grow or vanish with the rank.
    """
    return alpha / (math.sqrt(rank) if rank_stabilized else rank)
