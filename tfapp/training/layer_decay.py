"""Layer-wise decay of the learning rate, as in BEiT (Bao et al. 2022)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfapp.models.backbones import depth_of

__all__ = ["layer_factors"]


def layer_factors(backbone: Any, variables: Iterable[tuple[Any, Any]], decay: float) -> dict[int, float]:
    """Returns factors on the learning rate: 1 above the last of L layers, decay ** (L + 1 - depth) below.

    Args:
        backbone: A `keras_hub.models.BertBackbone`; not read where `decay` is 1.
        variables: Pairs of a trained variable and the network variable that decides its layer: itself, or the kernel
            that it adapts.
        decay: A layer's learning rate, relative to that of the layer above it.

    Returns:
        The factors by the variables' identities; none where `decay` is 1.
    """
    if decay == 1:
        return {}
    top = backbone.num_layers + 1
    return {id(variable): decay ** (top - depth_of(backbone, kernel)) for variable, kernel in variables}
