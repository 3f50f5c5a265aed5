"""Holds the export of a trained model as a SavedModel that takes raw strings: its graph, signatures and checks."""

from __future__ import annotations

from tfapp.core.tensorflow_import import import_tensorflow

import_tensorflow()

from tfapp.savedmodel.encoder import PackedEncoder, make_encoder  # noqa: E402
from tfapp.savedmodel.saved_model import export_model, full_disk_errors  # noqa: E402

__all__ = ["PackedEncoder", "export_model", "full_disk_errors", "make_encoder"]
