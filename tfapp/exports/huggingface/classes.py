"""Classifiers and other models of one vector a row, as Transformers' `BertForSequenceClassification`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfapp.errors import ExportError
from tfapp.exports.huggingface.stock_model import StockModel, logit_weights

__all__ = ["class_model", "score_model"]

_ARCHITECTURE = "BertForSequenceClassification"


def class_model(model: Any) -> StockModel:
    """Returns the form of a classifier; its temperatures become a part of the output layer.

    Raises:
        ExportError: The class has no such form of it; says why.
    """
    _check(model)
    if model.unknown:
        raise ExportError("the model may say that none of its labels fits, which no class of Transformers does")
    config = {
        "id2label": {str(number): label for number, label in enumerate(model.labels)},
        "label2id": {label: number for number, label in enumerate(model.labels)},
        "problem_type": "multi_label_classification" if model.multi_label else "single_label_classification",
    }
    scale = 1 / np.asarray(model.calibration.temperatures, np.float64)
    return StockModel(_ARCHITECTURE, _call(model, top_k=None), logit_weights(model, "classifier", scale=scale), config)


def score_model(model: Any, problem_type: str | None, *, scale: float = 1.0, shift: float = 0.0) -> StockModel:
    """Returns the form of a model of one number a row.

    Args:
        model: The model.
        problem_type: As `config.json` has it; None: pipelines answer the sigmoid of the number.
        scale: What multiplies the number.
        shift: What is added to it then.

    Raises:
        ExportError: The class has no such form of it; says why.
    """
    _check(model)
    config = {"id2label": {"0": "score"}, "label2id": {"score": 0}, "problem_type": problem_type}
    head = logit_weights(model, "classifier", scale=scale, shift=shift)
    return StockModel(_ARCHITECTURE, _call(model, top_k=1), head, config)


def _check(model: Any) -> None:
    if model.head_input != "pooler":
        raise ExportError(
            f"model.pooling is {model.pooling}, and Transformers' classifiers read [CLS]; export as ONNX, or train "
            "with model.pooling = cls"
        )
    if model.comparison:
        raise ExportError(
            "model.pair_encoder is bi, and Transformers' classifiers read both texts as one; export as ONNX, or train "
            "with model.pair_encoder = cross"
        )
    if getattr(model, "window", None):
        raise ExportError("long texts are read in windows, which no class of Transformers does; export as ONNX")


def _call(model: Any, *, top_k: int | None) -> str:
    question = '"a text"' if len(model.inputs) == 1 else '{"text": "a text", "text_pair": "another text"}'
    return (
        "from transformers import pipeline\n\n"
        f'ask = pipeline("text-classification", ".", top_k={top_k}, truncation=True)\n'
        f"print(ask([{question}]))"
    )
