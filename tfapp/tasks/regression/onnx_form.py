"""The ONNX form of regressors."""

from __future__ import annotations

from typing import Final

import numpy as np

from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.tasks.regression.model import TextRegressor

__all__ = ["ONNX_FORM"]


def _add_answers(graph: Graph, model: TextRegressor, logits: Value) -> None:
    deviations = graph.op("Mul", graph.reshape(logits, -1), graph.weight(model.deviation))
    graph.output("score", graph.op("Add", deviations, graph.weight(model.mean)), np.float32, ("texts",))


ONNX_FORM: Final = OnnxForm(_add_answers)
