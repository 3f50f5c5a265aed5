"""What a task says of the ONNX form of its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tfapp.exports.onnx.decoder.text_model import TextModel
from tfapp.exports.onnx.graph import Graph, Value

__all__ = ["OnnxForm"]


def _nothing(model: Any) -> Mapping[str, Any]:
    del model
    return {}


class OnnxForm(NamedTuple):
    """The ONNX form of a task's models.

    Attributes:
        add_answers: Adds the outputs to a graph, from the logits of the network.
        decoder: What answers texts with an exported model. Its module is copied beside the model, so it imports nothing
            of tfapp but `TextModel`.
        describe: Returns what the decoder must know of a model beside what it knows of all, as JSON values.
    """

    add_answers: Callable[[Graph, Any, Value], None]
    decoder: type[TextModel] = TextModel
    describe: Callable[[Any], Mapping[str, Any]] = _nothing
