"""Chooses the precision that a training computes in: bfloat16 where the device multiplies it faster, float32 else.

On a GPU that is a Keras dtype policy. On a processor it is TensorFlow's own rewriting of the compiled step, in which
oneDNN's matrix products take bfloat16 and everything between them stays float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import tensorflow as tf

from tfapp.core.processor import processor_flags

__all__ = ["StepPrecision", "choose_precision"]

# What Linux calls the instructions that multiply bfloat16.
_FAST_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16"})
_REWRITE: Final = "auto_mixed_precision_onednn_bfloat16"


@dataclass(frozen=True)
class StepPrecision:
    """The precision of a training's steps.

    Attributes:
        policy: The Keras dtype policy of the network.
        rewrite: Whether the compiled step's matrix products are rewritten to bfloat16.
    """

    policy: str = "float32"
    rewrite: bool = False

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Rewrites the graphs that run in the block, and nothing else in the process."""
        if not self.rewrite:
            yield
            return
        tf.config.optimizer.set_experimental_options({_REWRITE: True})
        try:
            yield
        finally:
            tf.config.optimizer.set_experimental_options({_REWRITE: False})


def choose_precision(
    name: Literal["auto", "float32", "mixed_bfloat16"], *, gpu: bool | None = None, flags: frozenset[str] | None = None
) -> StepPrecision:
    """Chooses the precision by setting and device.

    Args:
        name: "auto" takes bfloat16 on a GPU, where it needs no loss scaling, and on a processor that multiplies it.
        gpu: Whether the training runs on GPUs; None: whether TensorFlow sees any.
        flags: The processor's features; None: this machine's.
    """
    gpu = bool(tf.config.list_physical_devices("GPU")) if gpu is None else gpu
    flags = processor_flags() if flags is None else flags
    bfloat16 = name == "mixed_bfloat16" or (name == "auto" and (gpu or bool(flags & _FAST_FLAGS)))
    if not bfloat16:
        return StepPrecision()
    return StepPrecision("mixed_bfloat16") if gpu else StepPrecision(rewrite=True)
