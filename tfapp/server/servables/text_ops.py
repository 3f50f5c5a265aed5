"""Registers tensorflow-text's ops: for most models a few small libraries, instead of the whole package."""

from __future__ import annotations

import functools
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from tfapp.core.tensorflow_import import import_tensorflow, without_noise

__all__ = ["register_ops"]

# Those of BERT and of plain splitting, which TensorFlow Serving links, too. The package has 22, 100 MB more.
_LIBRARIES: Final = (
    "_fast_bert_normalizer",
    "_fast_wordpiece_tokenizer",
    "_normalize_ops",
    "_regex_split_ops",
    "_whitespace_tokenizer",
    "_whitespace_tokenizer_v2",
    "_wordpiece_tokenizer",
)


def register_ops(names: Collection[str]) -> None:
    """Registers those ops of a model's graph that TensorFlow does not know, if tensorflow-text has them."""
    if _unknown(names):
        _load_libraries()
    if _unknown(names):
        import_tensorflow()


def _unknown(names: Collection[str]) -> bool:
    return any(op_def_registry.get(name) is None for name in names)


@functools.cache
def _load_libraries() -> None:
    # Found without being imported.
    package = find_spec("tensorflow_text")
    folders = (package.submodule_search_locations or ()) if package else ()
    with without_noise():
        for folder in folders:
            for name in _LIBRARIES:
                tf.load_op_library(str(Path(folder, "python", "ops", f"{name}.so")))
