"""Answers questions from contexts with an exported ONNX model, without TensorFlow.

    from answer_model import AnswerModel

    model = AnswerModel("FOLDER")
    answers = model(["a question"], ["the text that may answer it"])

`answer`, `start`, `end` and `score` have an element a question; start and end are code points of the context, -1 where
it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfapp.exports.onnx.decoder.text_model import TextModel

__all__ = ["AnswerModel"]

# Logarithms of probabilities no further apart are equal, the rest is rounding.
EQUAL = 1e-4
NEVER = -1e9


class WindowAnswer(NamedTuple):
    """What a window of a context says.

    Attributes:
        first: The number of its best span's first piece in the context; -1 for a window without any.
        last: The number of its last piece.
        chance: The logarithm of the span's probability.
        absence: The logarithm of the probability that it does not answer.
        calibrated_chance: `chance`, calibrated.
        calibrated_absence: `absence`, calibrated.
    """

    first: int
    last: int
    chance: float
    absence: float
    calibrated_chance: float
    calibrated_absence: float


class AnswerModel(TextModel):
    """A model that finds the part of a context which answers a question; the arguments are those of `TextModel`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ranges = self.settings["removed_characters"]
        self.removed = {chr(code) for first, last in ranges for code in range(first, last + 1)}

    def answer(self, texts: Sequence[tuple[str, ...]]) -> dict[str, np.ndarray]:
        """Answers a batch of questions."""
        answers = [self.find(question, context) for question, context in texts]
        names = {"answer": object, "start": np.int32, "end": np.int32, "score": np.float32}
        return {
            name: np.array([answer[number] for answer in answers], dtype)
            for number, (name, dtype) in enumerate(names.items())
        }

    def find(self, question: str, context: str) -> tuple[str, int, int, float]:
        """Returns the answer to a question, where it stands in the context, and how sure the model is."""
        room = self.settings["max_length"] - 3
        context = self.beginning(context, room * self.settings["max_windows"])
        encoding = self.tokenizer.encode(context, add_special_tokens=False)
        pieces = encoding.ids[: room * self.settings["max_windows"]]
        windows = list(self.read(self.pieces(question, room // 2)[: room // 2], pieces))
        likely = max(window.chance for window in windows)
        best = next(window for window in windows if window.chance >= likely - EQUAL)
        absence = min(window.absence for window in windows)
        is_answered = best.first >= 0
        if self.settings["no_answer"]:
            is_answered = is_answered and best.chance - absence > self.settings["threshold"]
        if not is_answered:
            return "", -1, -1, float(np.exp(min(window.calibrated_absence for window in windows)))
        start, end = encoding.offsets[best.first][0], self.end(context, encoding.offsets, best.last)
        return context[start:end], start, end, float(np.exp(best.calibrated_chance))

    def end(self, context: str, offsets: Sequence[tuple[int, int]], piece: int) -> int:
        """Returns where a piece ends: where the next character begins of which something else is read."""
        start, end = offsets[piece]
        following = offsets[piece + 1][0] if piece + 1 < len(offsets) else len(context)
        if following < end:
            return max(following, start + 1)
        while end < len(context) and context[end] in self.removed:
            end += 1
        return end

    def read(self, question: Sequence[int], context: Sequence[int]) -> Iterator[WindowAnswer]:
        """Reads the pieces of a context in windows that overlap, each with the question before it."""
        width = self.settings["max_length"] - 3 - len(question)
        stride = min(width, self.settings["stride"] or max(width // 2, 1))
        left = max(len(context) - width, 0)
        count = min(1 - (-left // stride), self.settings["max_windows"])
        firsts = [min(number * stride, left) for number in range(count)]
        for number in range(0, count, 32):
            some = firsts[number : number + 32]
            rows = [self.frame(question, context[first : first + width]) for first in some]
            logits = self.run(self.inputs([rows]))["logits"]
            for first, row in zip(some, logits, strict=True):
                begin, size = len(question) + 2, len(context[first : first + width])
                yield self.window(first, np.concatenate([row[:1], row[begin : begin + size]]))

    def window(self, first: int, logits: np.ndarray) -> WindowAnswer:
        """Finds the best span of a window from the logits of [CLS] and its pieces, float32[1 + S, 2]."""
        start, end = log_softmax(logits).T
        warm_start, warm_end = log_softmax(logits / self.settings["temperature"]).T
        absence, calibrated_absence = float(start[0] + end[0]), float(warm_start[0] + warm_end[0])
        if len(logits) == 1:
            return WindowAnswer(-1, -1, NEVER, absence, NEVER, calibrated_absence)
        start, end, warm_start, warm_end = start[1:], end[1:], warm_start[1:], warm_end[1:]
        longest = self.settings["max_answer_length"]
        ahead = np.array([end[number : number + longest].max() for number in range(len(end))])
        begin = first_best(start + ahead)
        finish = begin + first_best(end[begin : begin + longest])
        return WindowAnswer(
            first + begin,
            first + finish,
            float(start[begin] + end[finish]),
            absence,
            float(warm_start[begin] + warm_end[finish]),
            calibrated_absence,
        )


def first_best(values: np.ndarray) -> int:
    """Returns the first position whose value equals the greatest."""
    return int(np.argmax(values >= values.max() - EQUAL))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the logarithms of the probabilities of logits [S, K], along the first axis."""
    centred = logits - logits.max(axis=0)
    return np.asarray(centred - np.log(np.exp(centred).sum(axis=0)))
