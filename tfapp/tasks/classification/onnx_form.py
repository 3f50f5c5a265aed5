"""The ONNX form of classifiers of texts, which may read a long one in windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tfapp.exports.onnx.classes import add_class_answers
from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.tasks.classification.model import WindowClassifier

__all__ = ["ONNX_FORM"]


def _add_answers(graph: Graph, model: WindowClassifier, logits: Value) -> None:
    add_class_answers(graph, model, _mean_of_windows(graph, logits) if model.window else logits)


def _mean_of_windows(graph: Graph, logits: Value) -> Value:
    """Adds the mean of logits over each text's windows, weighted by their tokens: [M, K] to [N, K].

    A further input says which text a window is of: `text_of_row`, int64[M], 0 to N - 1.
    """
    owners = graph.input("text_of_row", np.int64, ["rows"])
    one, zero = (graph.weight(value, np.int64) for value in (1, 0))
    texts = graph.op("Add", graph.op("ReduceMax", owners, keepdims=0), one)
    numbers = graph.op("Unsqueeze", graph.op("Range", zero, texts, one), graph.integers(1))
    is_own = graph.op("Equal", numbers, graph.op("Unsqueeze", owners, graph.integers(0)))
    tokens = graph.cast(graph.sum("attention_mask", 1), np.float32)
    weights = graph.op("Mul", graph.cast(is_own, np.float32), graph.op("Unsqueeze", tokens, graph.integers(0)))
    return graph.op("MatMul", graph.op("Div", weights, graph.sum(weights, 1, keep=True)), logits)


def _describe(model: WindowClassifier) -> Mapping[str, Any]:
    return {"window": model.window}


ONNX_FORM: Final = OnnxForm(_add_answers, describe=_describe)
