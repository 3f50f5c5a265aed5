"""The ONNX form of classifiers of pairs."""

from __future__ import annotations

from typing import Final

from tfapp.exports.onnx.classes import add_class_answers
from tfapp.exports.onnx.form import OnnxForm

__all__ = ["ONNX_FORM"]

ONNX_FORM: Final = OnnxForm(add_class_answers)
