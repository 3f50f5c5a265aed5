"""How many tokens texts have, as a preset splits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfapp.core.terminal import progress

if TYPE_CHECKING:
    import numpy as np

__all__ = ["token_counter"]


def token_counter(preset: str) -> Callable[[Sequence[str]], np.ndarray]:
    """Returns a function that counts the tokens of texts by a preset's tokenizer, [CLS] and [SEP] included."""
    with progress(f"Bringing {preset}", "bytes") as advance:
        from tfapp.models import load_preset

        return load_preset(preset, on_progress=advance).preprocessor(4).count_tokens
