"""Scores a tagger's spans by seqeval, to the character."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation.metrics import Scores, class_scores

__all__ = ["Span", "span_scores", "text_counts", "word_scores"]


class Span(NamedTuple):
    """A span of a text.

    Attributes:
        start: In code points.
        end: Behind the last.
        label: The type.
        score: The model's; 1 of a true one.
    """

    start: int
    end: int
    label: str
    score: float = 1.0

    @property
    def borders(self) -> tuple[int, int]:
        """Returns the start and the end."""
        return self.start, self.end


def span_scores(
    labels: Sequence[str], truth: Sequence[Sequence[Span]], predictions: Sequence[Sequence[Span]]
) -> tuple[tuple[Scores, ...], Scores]:
    """Scores spans, type by type and all together.

    seqeval (Nakayama 2018) compares tags of words. Here a "word" is a stretch between two neighbouring borders of true
    and found spans, so that a span counts where it is right to the character, whatever the words are.

    Args:
        labels: The types.
        truth: Of each of N texts, its true spans, first to last, none overlapping.
        predictions: The same of the model's.

    Returns:
        A score a label, and the micro mean.
    """
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    numbers = {label: number for number, label in enumerate(labels)}
    cuts = [
        sorted({0, *(position for span in (*a, *b) for position in span.borders)})
        for a, b in zip(truth, predictions, strict=True)
    ]
    tag_lists = [
        [_tags(c, spans, numbers) for c, spans in zip(cuts, rows, strict=True)] for rows in (truth, predictions)
    ]
    names = sorted({tag[2:] for texts in tag_lists for tags in texts for tag in tags if tag != "O"})
    if not names:
        zeros = tuple(Scores(label, 0.0, 0.0, 0.0, 0) for label in labels)
        return zeros, Scores("micro", 0.0, 0.0, 0.0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of types that were never found.
        by_name = precision_recall_fscore_support(*tag_lists, average=None, scheme=IOB2, zero_division=0)
        micro = precision_recall_fscore_support(*tag_lists, average="micro", scheme=IOB2, zero_division=0)
    rows = {name: values for name, *values in zip(names, *(part.tolist() for part in by_name), strict=True)}
    types = tuple(Scores(label, *rows.get(str(n), (0.0, 0.0, 0.0, 0))) for n, label in enumerate(labels))
    precision, recall, f1, support = micro
    return types, Scores("micro", float(precision), float(recall), float(f1), int(support))


def text_counts(truth: Sequence[Sequence[Span]], predictions: Sequence[Sequence[Span]]) -> NDArray[np.int64]:
    """Returns each text's spans found right, found wrong, and missed: int64[N, 3]."""
    rows = []
    for spans, guesses in zip(truth, predictions, strict=True):
        right = len({span[:3] for span in spans} & {span[:3] for span in guesses})
        rows.append((right, len(guesses) - right, len(spans) - right))
    return np.array(rows, np.int64).reshape(-1, 3)


def word_scores(
    labels: Sequence[str], truth: Iterable[str], predictions: Iterable[str]
) -> tuple[float, tuple[Scores, ...]]:
    """Scores single words.

    Args:
        labels: The types.
        truth: The type of each word, "" of none.
        predictions: The same.

    Returns:
        The share of words whose type is right, and a score a label.
    """
    numbers = {"": 0, **{label: number for number, label in enumerate(labels, start=1)}}
    targets, guesses = (np.array([numbers[label] for label in sequence], int) for sequence in (truth, predictions))
    size = len(numbers)
    table = np.bincount(targets * size + guesses, minlength=size * size).reshape(size, size)
    hits = np.diag(table)
    scores = class_scores(labels, hits[1:], table.sum(axis=0)[1:] - hits[1:], table.sum(axis=1)[1:] - hits[1:])
    return float(hits.sum() / max(len(targets), 1)), scores


def _tags(borders: Sequence[int], spans: Sequence[Span], numbers: dict[str, int]) -> list[str]:
    """Returns IOB2 tags of the stretches between the cuts; types by number, for a name may hold anything."""
    indices = {boundary: number for number, boundary in enumerate(borders)}
    tags = ["O"] * max(len(borders) - 1, 1)
    for span in spans:
        first, stop = indices[span.start], indices[span.end]
        tags[first:stop] = [f"B-{numbers[span.label]}", *[f"I-{numbers[span.label]}"] * (stop - first - 1)]
    return tags
