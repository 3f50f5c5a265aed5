"""The answers of classifiers in an ONNX graph, as `ClassificationModel` gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfapp.exports.onnx.graph import Graph, Value
from tfapp.models.classes import ClassificationModel
from tfapp.models.unknown import Unknown

__all__ = ["add_class_answers"]


def add_class_answers(graph: Graph, model: ClassificationModel, logits: Value) -> None:
    """Adds `probabilities` and, of models with such, `chosen` or `unknown_score`; the logits are float32[N, K]."""
    scaled = graph.op("Div", logits, graph.weight(model.calibration.temperatures, name="temperatures"))
    probabilities = graph.op("Sigmoid", scaled) if model.multi_label else graph.op("Softmax", scaled, axis=-1)
    shape = ("texts", len(model.labels))
    graph.output("probabilities", probabilities, np.float32, shape)
    if model.multi_label:
        chosen = graph.op("GreaterOrEqual", probabilities, graph.weight(model.thresholds, name="thresholds"))
        graph.output("chosen", chosen, np.bool_, shape)
    if model.unknown:
        graph.output("unknown_score", _unknown_score(graph, model.unknown, logits), np.float32, ("texts",))


def _unknown_score(graph: Graph, unknown: Unknown, logits: Value) -> Value:
    """Adds `Unknown.scores`."""
    energy = graph.op("Neg", graph.op("ReduceLogSumExp", logits, graph.integers(-1), keepdims=0))
    if unknown.limit is None:
        return graph.op("Mul", energy, graph.weight(0.0))
    gap = graph.op("Sub", _novelty(graph, unknown, logits, energy), graph.weight(unknown.limit))
    return graph.op("Sigmoid", graph.op("Div", gap, graph.weight(unknown.scale)))


def _novelty(graph: Graph, unknown: Unknown, logits: Value, energy: Value) -> Value:
    if unknown.references is None:
        return energy
    references = np.asarray(unknown.references, np.float32)
    if unknown.by == "boundary":
        return _boundary_distance(graph, logits, references, unknown.radii)
    least = graph.op("Neg", graph.max(graph.op("Neg", _squares(graph, logits, references)), -1))
    distance = graph.op("Relu", graph.op("Add", graph.sum(graph.op("Mul", logits, logits), -1), least))
    if unknown.by != "guidance":
        return distance
    return graph.op("Div", distance, graph.max(graph.op("Softmax", logits, axis=-1), -1))


def _squares(graph: Graph, vectors: Value, references: np.ndarray) -> Value:
    """Adds the squared distances [N, M] of vectors [N, K] to references [M, K], less the vectors' own squares."""
    product = graph.op("MatMul", vectors, graph.weight(2 * references.T, name="references"))
    return graph.op("Sub", graph.weight(np.square(references).sum(axis=-1), name="reference_squares"), product)


def _boundary_distance(graph: Graph, logits: Value, centroids: np.ndarray, radii: Any) -> Value:
    """Adds how far texts lie outside of the ball that is nearest to them, see `adaptive_boundaries`."""
    points = graph.unit_length(logits)
    squares = graph.op(
        "Add", _squares(graph, points, centroids), graph.sum(graph.op("Mul", points, points), -1, keep=True)
    )
    rough = graph.op("Sub", graph.op("Sqrt", graph.op("Relu", squares)), graph.weight(radii, name="radii"))
    ball = graph.op("ArgMin", rough, axis=-1, keepdims=0)
    gap = graph.op("Sub", points, graph.op("Gather", graph.weight(centroids, name="centroids"), ball))
    distance = graph.op("ReduceL2", gap, graph.integers(-1), keepdims=0)
    return graph.op("Sub", distance, graph.op("Gather", graph.weight(radii, name="radii"), ball))
