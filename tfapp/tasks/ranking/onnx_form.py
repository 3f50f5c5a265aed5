"""The ONNX form of rankers."""

from __future__ import annotations

from typing import Final

import numpy as np

from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.tasks.ranking.model import PairRanker

__all__ = ["ONNX_FORM"]


def _add_answers(graph: Graph, model: PairRanker, logits: Value) -> None:
    del model
    graph.output("score", graph.op("Sigmoid", graph.reshape(logits, -1)), np.float32, ("pairs",))


ONNX_FORM: Final = OnnxForm(_add_answers)
