"""Finds spans in texts with an exported ONNX model, without TensorFlow.

    from span_model import SpanModel

    model = SpanModel("FOLDER")
    answers = model(["a text", "another one"])

`tag`, `start`, `end` and `score` have a row a text and a column a span, padded with "", -1 and 0; start and end are
code points, so that a span is `text[start:end]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tfapp.exports.onnx.decoder.text_model import TextModel, padded

__all__ = ["SpanModel"]

# Neighbouring windows share this part of a window.
SHARED = 4
MARKS = 2


class TextWords(NamedTuple):
    """The words of a text.

    Attributes:
        pieces: The word pieces of all.
        casing: How the word of each piece is written, as a segment of the BERT.
        first: The number of each word's first piece.
        start: Where each word starts in the text, in code points.
        end: Where it ends.
    """

    pieces: list[int]
    casing: list[int]
    first: list[int]
    start: list[int]
    end: list[int]


class PieceWindow(NamedTuple):
    """A window over the pieces of a text.

    Attributes:
        start: The number of its first piece.
        end: The number behind its last.
        begin: The number of the first piece that is nearer to this window's middle than to the others'.
        finish: The number behind the last such piece.
    """

    start: int
    end: int
    begin: int
    finish: int


class SpanModel(TextModel):
    """A model that finds spans in texts; the arguments are those of `TextModel`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = {name: character_class(ranges) for name, ranges in self.settings["characters"].items()}
        space, sign, ideograph, upper, lower, format_ = (
            classes[name] for name in ("space", "sign", "ideograph", "upper", "lower", "format")
        )
        self.parts = re.compile(f"[{space}]+|[{sign}]|[{ideograph}]|[^{space}{sign}{ideograph}]+")
        self.space = re.compile(f"[{space}]+")
        self.head, self.tail = re.compile(f"[{format_}]*"), re.compile(f"[{format_}]+$")
        kinds = f"[{upper}][^{upper}]*", f"[^{lower}]*[{upper}][^{lower}]*", f"(?s:.)*[{upper}](?s:.)*"
        self.casing = [re.compile(kind) for kind in kinds]
        self.transitions = {name: np.array(values, np.float32) for name, values in self.settings["transitions"].items()}

    def answer(self, texts: Sequence[tuple[str, ...]]) -> dict[str, np.ndarray]:
        """Finds the spans of a batch of texts."""
        spans = [self.spans(text) for (text,) in texts]
        tags, starts, ends, scores = ([[span[field] for span in row] for row in spans] for field in range(4))
        return {
            "tag": padded(tags, object, ""),
            "start": padded(starts, np.int32, -1),
            "end": padded(ends, np.int32, -1),
            "score": padded(scores, np.float32, 0.0),
        }

    def spans(self, text: str) -> list[tuple[str, int, int, float]]:
        """Returns the spans of a text: tag, start, end and score of each."""
        words = self.split(text.encode("utf-8", "replace").decode("utf-8"))
        if not words.first:
            return []
        scores = self.logits(words)[words.first]
        decoding = self.settings["decoding"]
        tags = scores.argmax(axis=-1) if decoding == "greedy" else best_tags(scores, **self.transitions)
        chances = marginals(scores, **self.transitions) if decoding == "crf" else softmax(scores)
        return list(self.merge(tags.tolist(), chances[np.arange(len(tags)), tags].tolist(), words))

    def split(self, text: str) -> TextWords:
        """Splits a text as BERT's basic tokenizer does, and each word into pieces."""
        parts = self.parts.findall(text.replace("\0", " "))
        encodings = self.tokenizer.encode_batch(parts, add_special_tokens=False)
        words, position, run, last_run = TextWords([], [], [], [], []), 0, 0, -1
        for part, encoding in zip(parts, encodings, strict=True):
            headless = part[self.head.match(part).end() :]  # type: ignore[union-attr]
            start = position + len(part) - len(headless)
            end = start + len(self.tail.sub("", headless))
            if encoding.ids and self.settings["words"] == "spaces" and run == last_run:
                words.end[-1] = end
            elif encoding.ids:
                words.first.append(len(words.pieces))
                words.start.append(start)
                words.end.append(end)
            last_run = run if encoding.ids else last_run
            words.pieces.extend(encoding.ids)
            words.casing.extend([self.kind(part)] * len(encoding.ids))
            run += bool(self.space.fullmatch(part))
            position += len(part)
        return words

    def kind(self, word: str) -> int:
        """Returns how a word is written: 0 plain, 1 Capitalized, 2 CAPITALS, 3 miXed; 0 where the BERT is not told."""
        if not self.settings["word_shapes"]:
            return 0
        return next((number for number, kind in enumerate(self.casing, start=1) if kind.fullmatch(word)), 0)

    def logits(self, words: TextWords) -> np.ndarray:
        """Returns the scores of each piece's tags, float32[P, K], each from the window that has it in its middle."""
        windows = list(overlap_windows(len(words.pieces), self.settings["max_length"] - MARKS))
        cls_id, sep_id = self.settings["cls_id"], self.settings["sep_id"]
        rows = [
            (
                [cls_id, *words.pieces[window.start : window.end], sep_id],
                [0, *words.casing[window.start : window.end], 0],
            )
            for window in windows
        ]
        parts = []
        for number in range(0, len(rows), 32):
            logits = self.run(self.inputs([rows[number : number + 32]]))["logits"]
            parts += [
                row[1 + window.begin - window.start : 1 + window.finish - window.start]
                for row, window in zip(logits, windows[number:], strict=False)
            ]
        return np.concatenate(parts)

    def merge(self, tags: list[int], chances: list[float], words: TextWords) -> Iterator[tuple[str, int, int, float]]:
        """Merges words into spans; an I- that continues no span of its type begins one."""
        span: tuple[str, int, int, float] | None = None
        last_type = 0
        for tag, chance, start, end in zip(tags, chances, words.start, words.end, strict=True):
            kind = (tag + 1) // 2
            if span and tag and tag % 2 == 0 and kind == last_type:
                span = (span[0], span[1], max(span[2], end), min(span[3], chance))
            else:
                if span:
                    yield span
                span = (self.settings["types"][kind - 1], start, end, chance) if kind else None
            last_type = kind
        if span:
            yield span


def overlap_windows(count: int, room: int) -> Iterator[PieceWindow]:
    """Splits so many pieces into windows that overlap, evenly."""
    shared = room // SHARED
    windows = max(-(-(count - shared) // (room - shared)), 1)
    starts = [number * max(count - room, 0) // max(windows - 1, 1) for number in range(windows)]
    borders = [0, *((start + after + room) // 2 for start, after in pairwise(starts)), count]
    for start, begin, finish in zip(starts, borders, borders[1:], strict=False):
        yield PieceWindow(start, min(start + room, count), begin, finish)


def best_tags(scores: np.ndarray, start: np.ndarray, between: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Finds the best sequence of tags (Viterbi 1967), int[W], by scores float32[W, K] and those of neighbours."""
    states = [start + scores[0]]
    for word_scores in scores[1:]:
        states.append((states[-1][:, None] + between).max(axis=0) + word_scores)
    tags = [int((states[-1] + end).argmax())]
    for state in states[-2::-1]:
        tags.append(int((state + between[:, tags[-1]]).argmax()))
    return np.array(tags[::-1])


def marginals(scores: np.ndarray, start: np.ndarray, between: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the probability of each tag of each word, over all sequences (Rabiner 1989), float32[W, K]."""
    before, after = [centre(start + scores[0])], [end]
    for word_scores in scores[1:]:
        before.append(centre(log_sum_exp(before[-1][:, None] + between, axis=0) + word_scores))
    for word_scores in scores[:0:-1]:
        after.append(centre(log_sum_exp(between + word_scores + after[-1], axis=1)))
    return softmax(np.stack(before) + np.stack(after[::-1]))


def centre(values: np.ndarray) -> np.ndarray:
    """Returns values less the greatest: long sums would leave few digits."""
    return np.asarray(values - values.max())


def log_sum_exp(values: np.ndarray, axis: int) -> np.ndarray:
    """Returns the logarithm of the sum of exponentials along an axis."""
    greatest = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - greatest).sum(axis=axis)) + greatest.squeeze(axis))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Returns the probabilities of scores along the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def character_class(ranges: Sequence[tuple[int, int]]) -> str:
    """Returns the inside of a class of a regular expression, from the first and last code points of ranges."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
