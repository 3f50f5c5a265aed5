"""The check before a model is published: the written SavedModel gives the same answers as the Keras model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.core.rows import Row, row_line, to_columns
from tfapp.errors import ExportError
from tfapp.models import TaskModel

__all__ = ["HARD_TEXTS", "TOLERANCE", "answer_difference", "hard_rows", "verify"]

TOLERANCE: Final = 1e-4

# What breaks tokenizers and padding: accents, CJK, emoji, right-to-left, combining marks, control characters,
# special tokens, words over 100 bytes, the empty text and a very long one.
HARD_TEXTS: Final = (
    "",
    "   \t\n",
    "Crème brûlée à la carte, s'il vous plaît",
    "Cre\u0300me bru\u0302le\u0301e",
    "今日は天気がいいですね。",
    "这家酒店很好",
    "한국어 문장입니다",
    "Love it 😍👍🏽 🇫🇷!!!",
    "שלום עולם",
    "zero\u200bwidth and \u0000 control",
    "[CLS] is a token, [SEP] too, [MASK]",
    "x" * 300,
    "word " * 2000,
)


def hard_rows(inputs: int) -> list[Row]:
    """Returns `HARD_TEXTS` for a task of one input; of several, each with others, and the longest with itself."""
    if inputs == 1:
        return list(HARD_TEXTS)
    columns = [HARD_TEXTS[shift:] + HARD_TEXTS[:shift] for shift in range(inputs)]
    return [*zip(*columns, strict=True), (HARD_TEXTS[0],) * inputs, (HARD_TEXTS[-1],) * inputs]


def verify(folder: Path, model: TaskModel, rows: Sequence[Row], *, max_length: int, exact: bool = True) -> float | None:
    """Reloads a written version and compares it with the Keras model.

    The rows go through the exported graph in one batch, and one by one; through Keras one by one, so that
    padding is checked as well.

    Args:
        folder: The version's folder.
        model: The model that it was written from.
        rows: The user's own texts; `hard_rows` are added.
        max_length: The served model's longest input in tokens.
        exact: What was written computes as the Keras model does; else only the form of its answers is checked.

    Returns:
        The greatest difference of an output in numbers; None where it does not compute as the Keras model.

    Raises:
        ExportError: An output has another form, is no number, or differs by more than `TOLERANCE` times the scale of
            its answers; or a text was refused.
    """
    # The signature alone does not keep what was loaded alive.
    served_model = tf.saved_model.load(str(folder))
    signature = served_model.signatures[contract.DEFAULT_SIGNATURE]
    answer_by_keras = _trace(model, max_length)
    all_rows = [*rows, *hard_rows(len(model.inputs))]
    batch = {name: value.numpy() for name, value in signature(**_tensors(all_rows, model)).items()}
    largest_difference, tolerance = 0.0, TOLERANCE * model.answer_scale
    for number, row in enumerate(all_rows):
        inputs = _tensors([row], model)
        expected = answer_by_keras(inputs)
        single_answer = signature(**inputs)
        for name, value in expected.items():
            for answer in (single_answer[name].numpy()[0], batch[name][number]):
                if exact:
                    largest_difference = max(
                        largest_difference, answer_difference(name, answer, value.numpy()[0], row_line(row), tolerance)
                    )
                else:
                    _check_form(name, answer, value.numpy()[0], row_line(row))
    return largest_difference if exact else None


def _trace(model: TaskModel, max_length: int) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Returns the Keras model as one graph for rows of any length: Python would dispatch each row op by op."""
    preprocessor = model.preprocessor.with_max_length(max_length)
    rows = {name: tf.TensorSpec([None], tf.string) for name in model.inputs}
    return tf.function(
        lambda inputs: model.predict_text(inputs, preprocessor=preprocessor), input_signature=[rows], autograph=False
    )


def _check_form(name: str, answer: np.ndarray, expected: np.ndarray, text: str) -> None:
    # A row's bytes come as an object of their own, or as an array of such.
    answer, expected = np.asarray(answer), np.asarray(expected)
    if expected.dtype.kind in "if":
        is_wrong = answer.dtype != expected.dtype or not np.isfinite(answer).all()
    else:
        is_wrong = answer.dtype.kind not in "SO"
    if is_wrong or answer.ndim != expected.ndim:
        raise ExportError(
            f"the exported model's {name} is {answer!s:.60} on the text {text[:60]!r}; nothing was published"
        )


def _tensors(rows: Sequence[Row], model: TaskModel) -> dict[str, tf.Tensor]:
    return {name: tf.constant(texts, tf.string) for name, texts in to_columns(rows, model.inputs).items()}


def answer_difference(name: str, answer: np.ndarray, expected: np.ndarray, text: str, tolerance: float) -> float:
    """Returns the greatest difference of two answers to a row.

    Args:
        name: The output's name.
        answer: The exported model's; [...], without an axis for rows.
        expected: The Keras model's. Of one axis, either may be padded.
        text: The row, for the error.
        tolerance: The greatest difference that is allowed.

    Raises:
        ExportError: It is more.
    """
    answer, expected = np.asarray(answer), np.asarray(expected)
    if expected.dtype.kind not in "if":
        return 0.0  # labels and choices follow from the floats; two equal probabilities may swap theirs
    if answer.ndim == 1:
        # A row of a batch is as wide as the widest: padded as the contract pads, positions with -1 and scores with 0.
        width, padding = max(answer.size, expected.size), -1 if expected.dtype.kind == "i" else 0
        answer, expected = (np.pad(row, (0, width - row.size), constant_values=padding) for row in (answer, expected))
    difference = float(np.max(np.abs(answer - expected), initial=0.0))
    if not difference <= tolerance:
        raise ExportError(
            f"the exported model's {name} differs from the Keras model's by {difference:.2g} (at most {tolerance:g} is "
            f"allowed) on the text {text[:60]!r}; nothing was published"
        )
    return difference
