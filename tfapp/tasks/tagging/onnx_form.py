"""The ONNX form of taggers: the graph gives each token's logits, the decoder beside it the spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfapp.core.code_points import CODE_POINTS, to_ranges
from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph, Value
from tfapp.tasks.tagging.model import TextTagger
from tfapp.tasks.tagging.pretokenizer import FORMAT, IDEOGRAPH, SIGN, SPACE
from tfapp.tasks.tagging.span_model import SpanModel

__all__ = ["ONNX_FORM"]

_CLASSES: Final = {
    "space": SPACE,
    "sign": SIGN,
    "ideograph": IDEOGRAPH,
    "format": FORMAT,
    "upper": r"\p{Lu}",
    "lower": r"\p{Ll}",
}


def _add_answers(graph: Graph, model: TextTagger, logits: Value) -> None:
    graph.output("logits", logits, np.float32, ("rows", "tokens", 1 + 2 * len(model.labels)))


def _describe(model: TextTagger) -> Mapping[str, Any]:
    return {
        "types": list(model.labels),
        "decoding": model.decoding,
        "words": model.words,
        "word_shapes": model.word_shapes,
        "transitions": {name: value.numpy().tolist() for name, value in model.transitions()._asdict().items()},
        "characters": {name: _ranges(pattern) for name, pattern in _CLASSES.items()},
    }


def _ranges(pattern: str) -> list[tuple[int, int]]:
    """Returns the code points that a class of RE2's matches: other engines go by other versions of Unicode."""
    texts = tf.constant([chr(code).encode() for code in CODE_POINTS])
    matches = tf.strings.regex_full_match(texts, pattern).numpy()
    return to_ranges(code for code, is_match in zip(CODE_POINTS, matches, strict=True) if is_match)


ONNX_FORM: Final = OnnxForm(_add_answers, SpanModel, _describe)
