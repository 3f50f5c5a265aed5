"""The ONNX form of models that answer questions: the graph gives each token's logits, the decoder the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.tasks.answering.answer_model import AnswerModel
from tfapp.tasks.answering.model import Answerer

__all__ = ["ONNX_FORM"]


def _add_answers(graph: Graph, model: Answerer, logits: Value) -> None:
    del model
    graph.output("logits", logits, np.float32, ("rows", "tokens", 2))


def _describe(model: Answerer) -> Mapping[str, Any]:
    names = ("no_answer", "threshold", "stride", "max_windows", "max_answer_length")
    (temperature,) = model.calibration.temperatures
    return {
        **{name: getattr(model, name) for name in names},
        "temperature": temperature,
    }


ONNX_FORM: Final = OnnxForm(_add_answers, AnswerModel, _describe)
