"""The answers row by row that each task's evaluation keeps: their terms make the main score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfapp.evaluation import Evaluation
from tfapp.evaluation.class_scores import UnknownScores, evaluate_classes, evaluate_multi_label
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.tasks.answering.evaluator import evaluate_answers
from tfapp.tasks.embedding.evaluator import PairTexts, evaluate_retrieval
from tfapp.tasks.ranking.evaluator import evaluate_ranking
from tfapp.tasks.regression.evaluator import evaluate_numbers
from tfapp.tasks.tagging.evaluator import evaluate_entities
from tfapp.tasks.tagging.metrics import Span

TEXTS = [f"text {number}" for number in range(40)]
ROWS = list(range(2, 42))


def random() -> np.random.Generator:
    return np.random.default_rng(4)


def classes() -> Evaluation:
    unknown = UnknownScores("unknown", np.tile([0.2, 0.7, 0.1, 0.3], 10))
    targets = random().integers(-1, 3, 40)
    return evaluate_classes(["a", "b", "c"], targets, random().random((40, 3)), unknown=unknown, texts=TEXTS, rows=ROWS)


def multi_label() -> Evaluation:
    targets, chances = random().random((40, 3)) < 0.4, random().random((40, 3))[::-1]
    return evaluate_multi_label(["a", "b", "c"], targets, chances, np.full(3, 0.6), texts=TEXTS, rows=ROWS)


def ranking() -> Evaluation:
    return evaluate_ranking(
        random().integers(0, 3, 40) / 2,
        random().random(40),
        groups=[f"q{number % 9}" for number in range(40)],
        queries=[f"query {number % 9}" for number in range(40)],
        candidates=TEXTS,
        rows=ROWS,
    )


def pairs() -> Evaluation:
    grades, scores = (random().random(40) < 0.4).astype(float), random().random(40)[::-1]
    return evaluate_ranking(grades, scores, groups=TEXTS, queries=TEXTS, candidates=TEXTS, rows=ROWS)


def numbers() -> Evaluation:
    groups = [f"q{number % 9}" for number in range(40)]
    truth, predictions = random().normal(size=40), random().normal(size=40)[::-1]
    return evaluate_numbers(truth, predictions, deviation=1.0, texts=TEXTS, rows=ROWS, groups=groups)


def retrieval() -> Evaluation:
    vectors = random().normal(size=(40, 2, 8))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    queries = [f"query {number % 25}" for number in range(40)]
    return evaluate_retrieval(vectors.astype(np.float32), PairTexts(queries, TEXTS), temperature=0.1, rows=ROWS)


def entities() -> Evaluation:
    starts = random().integers(0, 2, (2, 40)).tolist()
    truth, predictions = ([[Span(start, 4, "THING")] if start else [] for start in side] for side in starts)
    words = [(np.array([0, 5], np.int32), np.array([4, 7], np.int32))] * 40
    return evaluate_entities(["THING"], truth, predictions, words=words, losses=(1.0, 80), texts=TEXTS, rows=ROWS)


def answers() -> Evaluation:
    ends = random().integers(0, 8, 40)
    return evaluate_answers(
        questions=TEXTS,
        contexts=["one two three"] * 40,
        gold_spans=[[[0, 7]] if number % 3 else [] for number in range(40)],
        starts=np.zeros(40, int),
        ends=ends,
        scores=np.full(40, 0.5),
        loss=1.0,
        threshold=0.0,
        rows=ROWS,
    )


@pytest.mark.parametrize("make", [classes, multi_label, ranking, pairs, numbers, retrieval, entities, answers])
def test_the_terms_make_the_main_score(make: Callable[[], Evaluation]) -> None:
    evaluation = make()
    answers: Any = evaluation.answers
    assert isinstance(answers, RowAnswers)
    over, under = answers.terms.sum(axis=0)
    score = (over / under) ** 0.5 if answers.square_root else over / under
    assert score == pytest.approx(evaluation.main_score)
    for name, values in answers.measures.items():
        assert values.mean() == pytest.approx(evaluation.metrics()[name]), name
    assert (len(answers.measures) > 0) == (make not in (pairs, numbers, entities))
    assert len(answers.rows) == len(answers) > 5
    assert set(answers.rows) <= set(ROWS)
    rows = [answers.describe(number) for number in range(len(answers))]
    assert all(isinstance(row, AnsweredRow) and all(isinstance(part, str) for part in row) for row in rows)
    if answers.right is not None:
        assert 0 < answers.right.sum() < len(answers)
    # Of several answers that are right one is shown as the truth.
    if make in (classes, multi_label, entities):
        assert [row.truth == row.answer for row in rows] == answers.right.tolist()


@pytest.mark.parametrize("make", [ranking, retrieval])
def test_truth_and_row_of_a_query_do_not_depend_on_the_model(make: Callable[[], Evaluation]) -> None:
    answers: Any = make().answers
    other_answers: Any = {ranking: _reversed_ranking, retrieval: _reversed_retrieval}[make]().answers
    assert answers.rows.tolist() == other_answers.rows.tolist()
    assert [answers.describe(n)[:2] for n in range(len(answers))] == [
        other_answers.describe(n)[:2] for n in range(len(answers))
    ]
    assert answers.terms.tolist() != other_answers.terms.tolist()


def _reversed_ranking() -> Evaluation:
    return evaluate_ranking(
        random().integers(0, 3, 40) / 2,
        1 - random().random(40),
        groups=[f"q{number % 9}" for number in range(40)],
        queries=[f"query {number % 9}" for number in range(40)],
        candidates=TEXTS,
        rows=ROWS,
    )


def _reversed_retrieval() -> Evaluation:
    vectors = np.random.default_rng(5).normal(size=(40, 2, 8))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    queries = [f"query {number % 25}" for number in range(40)]
    return evaluate_retrieval(vectors.astype(np.float32), PairTexts(queries, TEXTS), temperature=0.1, rows=ROWS)


def test_json_has_no_answers_and_gives_the_evaluation_back() -> None:
    evaluation = classes()
    values = evaluation.to_dict()
    assert "answers" not in values
    copy = Evaluation.from_dict(values)
    assert copy == evaluation
    assert copy.answers is None
