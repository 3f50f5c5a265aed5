"""Evaluates an answerer, from its logits to its evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfapp.core.rows import row_line
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.calibration_report import CalibrationReport, Reliability, expected_calibration_error
from tfapp.evaluation.metrics import Measure, binary_cross_entropy
from tfapp.evaluation.ranking_metrics import mean_interval
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text
from tfapp.models import TaskModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.answering.answer_spans import mask_logits
from tfapp.tasks.answering.evaluation_result import AnswerEvaluation, AnswerGroup, WrongAnswer
from tfapp.tasks.answering.metrics import cut_texts, exact_match, f1_score, fit_answer_threshold, gold_texts
from tfapp.tasks.answering.model import Answerer
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator
from tfapp.training.temperature_fit import fit_scaling, fit_temperature

__all__ = ["AnswerEvaluator", "evaluate_answers"]

_WRONG: Final = 20
# Characters on each side of an answer that are shown.
_AROUND: Final = 120
_LENGTHS: Final = (250, 500, 1000, 2000)
_WORDS: Final = ("what", "which", "who", "whose", "when", "where", "why", "how", "can", "do", "is")


class AnswerEvaluator(Evaluator):
    """Evaluates answers by their words."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """Fits the thresholds of the answers; see `Evaluator.fit`."""
        assert isinstance(model, Answerer)
        if model.no_answer:
            spans = model.find(tf.constant(logits), split.positions)
            texts = cut_texts(split.columns["context"], spans.starts.numpy(), spans.ends.numpy())
            targets = gold_texts(split.columns["context"], split.columns["label"])
            f1_scores = np.array([f1_score(text, golds) for text, golds in zip(texts, targets, strict=True)])
            empty_scores = np.array([f1_score("", golds) for golds in targets])
            model.threshold = fit_answer_threshold(
                (spans.span_log_probabilities - spans.no_answer_log_probabilities).numpy(), f1_scores, empty_scores
            )

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, Answerer)
        spans = model.find(tf.constant(logits), split.positions)
        losses = model.loss(tf.constant(split.targets), mask_logits(tf.constant(logits), split.positions)).numpy()
        mask = model.is_answered(spans).numpy()
        evaluation = evaluate_answers(
            questions=split.columns["question"],
            contexts=split.columns["context"],
            gold_spans=split.columns["label"],
            starts=np.where(mask, spans.starts, 0),
            ends=np.where(mask, spans.ends, 0),
            scores=model.scores(spans).numpy(),
            loss=float(losses.sum() / max(len(losses), 1)),
            threshold=model.threshold if model.no_answer else None,
            rows=split.rows.tolist(),
        )
        return replace(evaluation, calibration_report=_report(model, logits, split))

    def fit_temperatures(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> TemperatureScaling:
        """Fits the temperature, by which the score says how often the answer is an exact match."""
        assert isinstance(model, Answerer)
        exact = _exact_matches(model, logits, split)

        def loss(temperature: float) -> float:
            return binary_cross_entropy(exact, _scores(model, logits, split, temperature)) * len(exact)

        return fit_scaling(len(exact), lambda: (fit_temperature(loss),))


def _scores(model: Answerer, logits: np.ndarray, split: TokenizedSplit, temperature: float) -> NDArray[np.float64]:
    """Returns the scores of a split's answers by some temperature; float[N]."""
    scores: NDArray[np.float64] = model.scores(model.find(tf.constant(logits), split.positions, temperature)).numpy()
    return scores.astype(np.float64)


def _exact_matches(model: Answerer, logits: np.ndarray, split: TokenizedSplit) -> NDArray[np.bool_]:
    """Returns which of a split's answers are right; bool[N]."""
    spans = model.find(tf.constant(logits), split.positions)
    mask = model.is_answered(spans).numpy()
    starts, ends = (np.where(mask, bounds, 0) for bounds in (spans.starts, spans.ends))
    golds = gold_texts(split.columns["context"], split.columns["label"])
    answers = cut_texts(split.columns["context"], starts, ends)
    return np.array([exact_match(*pair) > 0 for pair in zip(answers, golds, strict=True)], bool)


def _report(model: Answerer, logits: np.ndarray, split: TokenizedSplit) -> CalibrationReport:
    """Returns how well the scores of a split's answers are calibrated, with the model's temperature and without."""
    exact, scaling = _exact_matches(model, logits, split), model.calibration

    def measure(temperature: float) -> Reliability:
        scores = _scores(model, logits, split, temperature)
        return Reliability(
            expected_calibration_error(scores[:, None], exact[:, None]), binary_cross_entropy(exact, scores)
        )

    before = measure(1.0) if scaling.rows else None
    after = measure(scaling.temperatures[0])
    return CalibrationReport(scaling.temperatures, scaling.rows, scaling.reason, after, before)


def evaluate_answers(
    *,
    questions: Sequence[str],
    contexts: Sequence[str],
    gold_spans: Sequence[Sequence[Sequence[int]]],
    starts: NDArray[Any],
    ends: NDArray[Any],
    scores: NDArray[Any],
    loss: float,
    threshold: float | None,
    rows: Sequence[int],
) -> AnswerEvaluation:
    """Scores an answerer's spans.

    Args:
        questions: The N questions.
        contexts: The N contexts.
        gold_spans: The right answers of each, pairs of start and end in code points; none where the context has none.
        starts: int[N], where the answers start; where they end, too, for no answer.
        ends: int[N].
        scores: float[N], how sure the model is.
        loss: The mean loss of the windows.
        threshold: What the model was fitted to on dev; None where it always answers.
        rows: The N row numbers in their data.

    Returns:
        The evaluation.

    Raises:
        TrainingError: The loss or a score is not a number.
    """
    if not (math.isfinite(loss) and np.isfinite(scores).all()):
        raise TrainingError("the scores are not numbers; lower training.learning_rate and train again")
    answers, golds = cut_texts(contexts, starts, ends), gold_texts(contexts, gold_spans)
    f1, exact = (np.array(list(map(score, answers, golds)), np.float64) for score in (f1_score, exact_match))
    answerable = np.array([bool(spans) for spans in gold_spans], bool)
    measures = _measures(f1, exact, answerable)
    mistakes = sorted(np.flatnonzero(f1 < 1).tolist(), key=lambda row: (f1[row], -scores[row]))

    def answered_row(n: int) -> AnsweredRow:
        return AnsweredRow(row_line((questions[n], contexts[n])), golds[n][0] if golds[n] else "", answers[n])

    terms = np.stack([f1, np.ones(len(f1))], axis=1)
    return AnswerEvaluation(
        count=len(questions),
        loss=loss,
        main_interval=measures[0].interval,
        measures=measures,
        answerable=int(answerable.sum()),
        answered=sum(map(bool, answers)),
        threshold=threshold,
        by_length=_length_groups(contexts, f1),
        by_word=_groups(list(map(_word_of, questions)), f1, [*_WORDS, "other"]),
        wrong_count=len(mistakes),
        wrong=tuple(
            WrongAnswer(
                question=truncate_text(questions[row]),
                context=_excerpt(contexts[row], *(gold_spans[row] or [(int(starts[row]), int(ends[row]))])[0]),
                wanted=truncate_text(golds[row][0]) if golds[row] else "",
                given=truncate_text(answers[row]),
                f1=float(f1[row]),
                score=float(scores[row]),
                row=int(rows[row]),
            )
            for row in mistakes[:_WRONG]
        ),
        answers=RowAnswers(terms, answered_row, np.asarray(rows), f1 >= 1, measures={measures[1].name: exact}),
    )


def _length_groups(contexts: Sequence[str], f1: NDArray[np.float64]) -> tuple[AnswerGroup, ...]:
    """Returns the F1 by the contexts' lengths."""
    last_length = f"over {_LENGTHS[-1]}"
    lengths = [
        next((f"to {length}" for length in _LENGTHS if len(context) <= length), last_length) for context in contexts
    ]
    return _groups(lengths, f1, [*(f"to {length}" for length in _LENGTHS), last_length])


def _measures(
    f1: NDArray[np.float64], exact: NDArray[np.float64], answerable: NDArray[np.bool_]
) -> tuple[Measure, ...]:
    """Measures all questions and, where there are both, those with an answer and those without."""
    parts = [("F1", f1), ("exact match", exact)]
    if answerable.any() and not answerable.all():
        parts += [("F1 with an answer", f1[answerable]), ("exact match with an answer", exact[answerable])]
        parts.append(("right without an answer", exact[~answerable]))
    return tuple(
        Measure(name, float(values.sum() / max(len(values), 1)), mean_interval(values)) for name, values in parts
    )


def _groups(names: Sequence[str], f1: NDArray[np.float64], order: Sequence[str]) -> tuple[AnswerGroup, ...]:
    column = np.array(names, object)
    groups = ((name, f1[column == name]) for name in order)
    return tuple(AnswerGroup(name, len(values), float(values.mean())) for name, values in groups if len(values))


def _word_of(question: str) -> str:
    """Returns the first question word of an English question; "do" stands for does and did, too, and so on."""
    forms = {"does": "do", "did": "do", "are": "is", "was": "is", "were": "is", "could": "can", "may": "can"}
    words = (word.strip("?,.!'\"") for word in question.lower().replace("'s", " ").split())
    return next((form for word in words if (form := forms.get(word, word)) in _WORDS), "other")


def _excerpt(context: str, start: int, end: int) -> str:
    """Returns the part of a context around an answer."""
    first, last = max(start - _AROUND, 0), end + _AROUND
    return truncate_text(f"{'…' if first else ''}{context[first:last]}{'…' if last < len(context) else ''}")
