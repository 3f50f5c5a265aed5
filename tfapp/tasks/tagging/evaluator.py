"""Evaluates a tagger, from its logits to its evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, starmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.metrics import class_means, f1_interval
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.models import TaskModel
from tfapp.tasks.tagging.evaluation_result import MISTAKE_KINDS, NO_SPAN, EntityEvaluation, EntityMistake
from tfapp.tasks.tagging.metrics import Span, span_scores, text_counts, word_scores
from tfapp.tasks.tagging.model import TextTagger
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator

__all__ = ["SpanEvaluator", "evaluate_entities"]

WordBorders = tuple[NDArray[np.int32], NDArray[np.int32]]
"""The positions where the words of a text start and end, in code points."""

_CONTEXT: Final = 60
_SHOWN: Final = 10


class SpanEvaluator(Evaluator):
    """Evaluates spans by borders and types."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, TextTagger)
        texts = list(split.columns["text"])
        predictions = model.find(texts, logits)
        return evaluate_entities(
            model.labels,
            [[Span(span["start"], span["end"], span["label"]) for span in spans] for spans in split.columns["label"]],
            [[Span(span["start"], span["end"], span["tag"], span["score"]) for span in spans] for spans in predictions],
            words=list(model.word_borders(texts)),
            losses=model.word_losses(split.targets, logits),
            texts=texts,
            rows=split.rows.tolist(),
        )


def evaluate_entities(
    labels: Sequence[str],
    truth: Sequence[Sequence[Span]],
    predictions: Sequence[Sequence[Span]],
    *,
    words: Sequence[WordBorders],
    losses: tuple[float, int],
    texts: Sequence[str],
    rows: Sequence[int],
) -> EntityEvaluation:
    """Scores a tagger's answers.

    Args:
        labels: The types.
        truth: The true spans of each of N texts, first to last.
        predictions: The model's.
        words: The words that the model sees.
        losses: The sum of the words' losses in nats, and how many words they are.
        texts: The N texts.
        rows: Their row numbers in their data.

    Returns:
        The evaluation.

    Raises:
        TrainingError: The loss is not a number.
    """
    if not np.isfinite(losses[0]):
        raise TrainingError(f"the loss is {losses[0]}; lower training.learning_rate and train again")
    types, micro = span_scores(labels, truth, predictions)
    macro, weighted_mean = class_means(types)
    accuracy, word_types = word_scores(labels, _word_labels(truth, words), _word_labels(predictions, words))
    texts_with_spans = zip(truth, predictions, texts, map(int, rows), strict=True)
    mistakes = list(chain.from_iterable(starmap(_mistakes, texts_with_spans)))
    kinds = Counter(mistake.kind for mistake in mistakes)
    counts = text_counts(truth, predictions)
    return EntityEvaluation(
        labels=tuple(labels),
        count=len(texts),
        loss=losses[0] / max(losses[1], 1),
        words=losses[1],
        types=types,
        micro=micro,
        macro=macro,
        weighted=weighted_mean,
        main_interval=f1_interval(counts),
        word_accuracy=accuracy,
        word_types=word_types,
        out_of_reach=sum(_count_unreachable(spans, *borders) for spans, borders in zip(truth, words, strict=True)),
        confusion=_confusion(labels, truth, predictions),
        mistake_counts=tuple(kinds[kind] for kind in MISTAKE_KINDS),
        mistakes=tuple(_worst(mistakes)),
        answers=RowAnswers(
            counts @ np.array([[2.0, 2.0], [0.0, 1.0], [0.0, 1.0]]),
            lambda n: AnsweredRow(texts[n], _words(texts[n], truth[n]), _words(texts[n], predictions[n])),
            np.asarray(rows),
            (counts[:, 1:] == 0).all(axis=1),
        ),
    )


def _word_labels(spans_of_texts: Sequence[Sequence[Span]], words: Sequence[WordBorders]) -> list[str]:
    """Returns the types of the words of all texts, one after another."""
    return [
        label
        for spans, (starts, ends) in zip(spans_of_texts, words, strict=True)
        for label in _word_types(spans, starts, ends)
    ]


def _words(text: str, spans: Sequence[Span]) -> str:
    """Returns the words of the spans with their types, as one text."""
    return "; ".join(f"{_fold_spaces(text[span.start : span.end])} ({span.label})" for span in spans)


def _word_types(spans: Sequence[Span], starts: NDArray[np.int32], ends: NDArray[np.int32]) -> list[str]:
    """Returns the type of each word, by the first span that it overlaps."""
    types = [""] * len(starts)
    for span in reversed(spans):
        first = int(np.searchsorted(ends, span.start, side="right"))
        stop = int(np.searchsorted(starts, span.end, side="left"))
        types[first:stop] = [span.label] * max(stop - first, 0)
    return types


def _count_unreachable(spans: Sequence[Span], starts: NDArray[np.int32], ends: NDArray[np.int32]) -> int:
    begin, stop = set(starts.tolist()), set(ends.tolist())
    return sum(span.start not in begin or span.end not in stop for span in spans)


def _confusion(
    labels: Sequence[str], truth: Sequence[Sequence[Span]], predictions: Sequence[Sequence[Span]]
) -> tuple[tuple[int, ...], ...]:
    numbers = {label: number for number, label in enumerate((*labels, NO_SPAN))}
    table = np.zeros((len(numbers), len(numbers)), int)
    for true_spans, guesses in zip(truth, predictions, strict=True):
        left, right = ({span.borders: span.label for span in spans} for spans in (true_spans, guesses))
        for position in left.keys() | right.keys():
            table[numbers[left.get(position, NO_SPAN)], numbers[right.get(position, NO_SPAN)]] += 1
    return tuple(map(tuple, table.tolist()))


def _mistakes(truth: Sequence[Span], predictions: Sequence[Span], text: str, row: int) -> Iterator[EntityMistake]:
    """Yields each missed true span with the model's span in its place, then each other wrong span of the model."""
    correct = {span[:3] for span in truth} & {span[:3] for span in predictions}
    false_positives = [span for span in predictions if span[:3] not in correct]
    used_guesses: set[Span] = set()
    for span in truth:
        if span[:3] in correct:
            continue
        guess = _nearest(span, [other for other in false_positives if other not in used_guesses])
        if guess:
            used_guesses.add(guess)
        yield _mistake(span, guess, text, row)
    for span in false_positives:
        if span not in used_guesses:
            yield _mistake(_nearest(span, truth), span, text, row)


def _nearest(span: Span, others: Sequence[Span]) -> Span | None:
    """Returns the span that shares the most characters; None where none shares one."""
    overlaps = {other: min(span.end, other.end) - max(span.start, other.start) for other in others}
    best = max(overlaps, key=lambda other: (overlaps[other], other.label == span.label), default=None)
    return best if best and overlaps[best] > 0 else None


def _mistake(truth: Span | None, guess: Span | None, text: str, row: int) -> EntityMistake:
    if truth and guess:
        kind = "wrong border" if truth.label == guess.label else "wrong type"
    else:
        kind = "missed" if truth else "spurious"
    spans = [span for span in (truth, guess) if span]
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return EntityMistake(
        kind=kind,
        context=_excerpt(text, start, end),
        truth=_fold_spaces(text[truth.start : truth.end]) if truth else "",
        truth_type=truth.label if truth else "",
        predicted=_fold_spaces(text[guess.start : guess.end]) if guess else "",
        predicted_type=guess.label if guess else "",
        score=guess.score if guess else 0.0,
        row=row,
    )


def _excerpt(text: str, start: int, end: int) -> str:
    first, stop = max(start - _CONTEXT, 0), end + _CONTEXT
    head, tail = "…" if first else "", "…" if stop < len(text) else ""
    return f"{head}{_fold_spaces(text[first:stop])}{tail}"


def _fold_spaces(text: str) -> str:
    return " ".join(text.split())


def _worst(mistakes: Sequence[EntityMistake]) -> Iterator[EntityMistake]:
    for kind in MISTAKE_KINDS:
        yield from sorted(
            (mistake for mistake in mistakes if mistake.kind == kind), key=lambda mistake: -mistake.score
        )[:_SHOWN]
