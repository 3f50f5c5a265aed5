"""Holds the parts of networks that several tasks share: presets, preprocessing, backbones, pooling, heads, adapters."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names
from tfapp.core.tensorflow_import import import_tensorflow

import_tensorflow()
with warnings.catch_warnings():
    # In a notebook, advice on the progress bars of a hub's client.
    warnings.filterwarnings("ignore", message="IProgress not found")
    import keras_hub  # noqa: F401

from tfapp.models.base import TaskModel  # noqa: E402
from tfapp.models.bert import BertModel  # noqa: E402
from tfapp.models.classifier import TextClassifier  # noqa: E402
from tfapp.models.embedder import Embedder  # noqa: E402
from tfapp.models.preprocessor import Preprocessor  # noqa: E402
from tfapp.models.presets import Preset, load_preset  # noqa: E402
from tfapp.models.student import student_preset  # noqa: E402

__all__ = [
    "BertModel",
    "Embedder",
    "Preprocessor",
    "Preset",
    "TaskModel",
    "TextClassifier",
    "load_preset",
    "student_preset",
]


if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
