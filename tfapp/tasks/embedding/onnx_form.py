"""The ONNX form of embeddings."""

from __future__ import annotations

from typing import Final

import numpy as np

from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.models import Embedder

__all__ = ["ONNX_FORM"]


def _add_answers(graph: Graph, model: Embedder, logits: Value) -> None:
    graph.output("embedding", logits, np.float32, ("texts", int(model.backbone.hidden_dim)))


ONNX_FORM: Final = OnnxForm(_add_answers)
