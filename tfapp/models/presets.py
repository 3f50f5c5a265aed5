"""A preset by name: a pretrained BERT's weights, vocabulary and case."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_hub

from tfapp import assets
from tfapp.assets import OnProgress
from tfapp.errors import ModelError, did_you_mean
from tfapp.models.preprocessor import Preprocessor

__all__ = ["Preset", "load_preset"]


@dataclass(frozen=True)
class Preset:
    """A pretrained BERT.

    Attributes:
        name: As the user gave it.
        handle: What KerasHub reads: a folder, a preset's name, or a `scheme://` address.
        vocabulary: The word pieces in the order of their ids.
        lowercase: Whether the vocabulary is uncased.
    """

    name: str
    handle: str
    vocabulary: tuple[str, ...]
    lowercase: bool

    def backbone(self, dtype: str = "float32") -> Any:
        """Returns the pretrained `keras_hub.models.BertBackbone`, with a Keras dtype policy."""
        with _translate_errors(self.name):
            return keras_hub.models.BertBackbone.from_preset(self.handle, dtype=dtype)

    def preprocessor(self, max_length: int) -> Preprocessor:
        """Returns the preset's tokenizer, cutting at `max_length` tokens."""
        return Preprocessor(self.vocabulary, lowercase=self.lowercase, max_length=max_length)


def load_preset(name: str, *, on_progress: OnProgress | None = None) -> Preset:
    """Finds a preset.

    Args:
        name: A name of the catalogue, a folder with a KerasHub or Hugging Face BERT, a KerasHub preset's name, or
            an address such as `hf://OWNER/NAME` or `kaggle://...`.
        on_progress: Called with bytes done and bytes in all while a catalogue preset is brought.

    Returns:
        The preset, its vocabulary loaded; the weights are loaded by `Preset.backbone`.

    Raises:
        ModelError: There is no such preset, it is no BERT, or it could not be read.
        AssetError: A catalogue preset could not be brought.
    """
    handle = _handle(name, on_progress)
    with _translate_errors(name):
        tokenizer = keras_hub.models.BertTokenizer.from_preset(handle)
        if not isinstance(tokenizer, keras_hub.models.BertTokenizer):
            raise ModelError(
                f"preset {name}: its tokenizer is a {type(tokenizer).__name__}; tfapp needs BERT's WordPiece"
            )
        return Preset(name, handle, tuple(tokenizer.get_vocabulary()), bool(tokenizer.lowercase))


def _handle(name: str, on_progress: OnProgress | None) -> str:
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise ModelError(
                f"preset {name}: the folder has no config.json; give a KerasHub or Hugging Face checkpoint"
            )
        return name
    if assets.find(name, kind="preset"):
        return str(assets.pull(name, on_progress=on_progress))
    hub = keras_hub.models.BertBackbone.presets
    if "://" in name or name in hub:
        return name
    names = [*(asset for asset in assets.catalogue() if assets.find(asset, kind="preset")), *hub]
    raise ModelError(
        f"unknown preset {name}{did_you_mean(name, names)} (or a folder, or hf://OWNER/NAME for a Hugging Face BERT)"
    )


@contextlib.contextmanager
def _translate_errors(name: str) -> Any:
    """Translates the many kinds of errors that KerasHub and the hubs raise for a preset that cannot be had."""
    try:
        # The hubs' clients print their progress and advice.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    except ModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(f"preset {name} cannot be loaded: {reason}") from error
