"""Evaluations against scikit-learn's report, their edges, and their way through JSON."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.console import Console
from sklearn.metrics import accuracy_score, classification_report, f1_score, precision_score, recall_score

from tfapp.errors import ModelError, TrainingError
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_scores import evaluate_classes, evaluate_multi_label

LABELS = ("sport", "tech", "politics", "never")


def _classes(count: int = 200, size: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, max(size - 1, 1), count)
    logits = rng.normal(size=(count, size)) + 2.0 * (targets[:, None] == np.arange(size))
    return targets, (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)


def _same_as_report(evaluation: Evaluation, report: dict) -> None:
    for row in evaluation.classes:
        expected = report[row.name]
        scores = {"precision": row.precision, "recall": row.recall, "f1-score": row.f1, "support": row.support}
        assert scores == pytest.approx(expected)
    weighted = evaluation.weighted
    expected = report["weighted avg"]
    scores = {"precision": weighted.precision, "recall": weighted.recall, "f1-score": weighted.f1}
    assert scores | {"support": weighted.support} == pytest.approx(expected)


def _macro(evaluation: Evaluation, truth: np.ndarray, predictions: np.ndarray) -> None:
    """The macro means are scikit-learn's over the classes that the truth has."""
    present = np.unique(truth) if truth.ndim == 1 else np.flatnonzero(truth.any(axis=0))
    for score, value in ((precision_score, "precision"), (recall_score, "recall"), (f1_score, "f1")):
        expected = score(truth, predictions, labels=present, average="macro", zero_division=0)
        assert getattr(evaluation.macro, value) == pytest.approx(expected)


def test_single_label_scores_are_sklearns():
    targets, probabilities = _classes()
    predictions = probabilities.argmax(axis=1)

    evaluation = evaluate_classes(LABELS, targets, probabilities, texts=["x"] * 200)

    _same_as_report(
        evaluation,
        classification_report(
            targets, predictions, labels=range(4), target_names=LABELS, output_dict=True, zero_division=0
        ),
    )
    _macro(evaluation, targets, predictions)
    assert evaluation.details()["Macro F1"].endswith(" (over 3 of 4 classes, as these texts have none of the others)")
    of_before = replace(evaluation.macro, f1=evaluation.macro.f1 * 3 / 4)
    assert replace(evaluation, macro=of_before).details()["Macro F1"] == f"{of_before.f1:.3f}"
    assert evaluation.accuracy == pytest.approx(accuracy_score(targets, predictions))
    assert evaluation.micro.f1 == pytest.approx(evaluation.accuracy)
    assert evaluation.main_score == evaluation.accuracy
    assert evaluation.main_interval == evaluation.accuracy_interval
    assert evaluation.accuracy_interval[0] < evaluation.accuracy < evaluation.accuracy_interval[1]
    assert np.sum(evaluation.confusion) == 200


def test_multi_label_scores_are_sklearns():
    rng = np.random.default_rng(4)
    targets = rng.random((150, 4)) < 0.3
    probabilities = np.clip(targets * 0.4 + rng.random((150, 4)) * 0.6, 0, 1)
    thresholds = np.array([0.3, 0.5, 0.6, 0.4])

    evaluation = evaluate_multi_label(LABELS, targets, probabilities, thresholds, texts=["x"] * 150)

    choices = probabilities >= thresholds
    report = classification_report(targets, choices, target_names=LABELS, output_dict=True, zero_division=0)
    _same_as_report(evaluation, report)
    _macro(evaluation, targets, choices)
    assert evaluation.details()["Macro F1"] == f"{evaluation.macro.f1:.3f}"
    assert evaluation.micro.f1 == pytest.approx(report["micro avg"]["f1-score"])
    assert evaluation.main_score == evaluation.micro.f1
    assert evaluation.main_interval[0] < evaluation.main_score < evaluation.main_interval[1]
    assert evaluation.accuracy == pytest.approx(accuracy_score(targets, choices))
    assert evaluation.confusion is None
    assert evaluation.confusions() == []
    assert evaluation.thresholds == (0.3, 0.5, 0.6, 0.4)


def test_worst_mistakes_are_the_surest_first():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    targets = np.array([0, 0, 1, 0])

    evaluation = evaluate_classes(
        ["no", "yes"], targets, probabilities, texts=["a", "b \n  b", "c", "d" * 400], rows=[10, 11, 12, 13]
    )

    assert evaluation.mistake_count == 3
    assert [mistake.row for mistake in evaluation.mistakes] == [11, 13, 12]
    first, second, _ = evaluation.mistakes
    assert (first.text, first.truth, first.predicted, first.label) == ("b b", ("no",), ("yes",), "yes")
    assert first.probability == pytest.approx(0.8)
    assert len(second.text) == 300
    assert second.text.endswith("d…")
    pairs = evaluation.confusions()
    assert [(pair.truth, pair.predicted, pair.count) for pair in pairs] == [("no", "yes", 2), ("yes", "no", 1)]
    assert [pair.examples for pair in pairs] == [("b b", second.text), ("c",)]


def test_multi_label_mistake_blames_the_label_that_is_furthest_off():
    targets = np.array([[True, False, True], [False, False, False]])
    probabilities = np.array([[0.05, 0.6, 0.9], [0.1, 0.1, 0.7]])

    evaluation = evaluate_multi_label("abc", targets, probabilities, np.full(3, 0.5), texts=["one", "two"])

    first, second = evaluation.mistakes
    assert (first.text, first.truth, first.predicted) == ("one", ("a", "c"), ("b", "c"))
    assert (first.label, first.probability) == ("a", pytest.approx(0.05))
    assert (second.label, second.truth) == ("c", ())


def test_at_most_twenty_mistakes_are_kept_and_all_are_counted():
    probabilities = np.tile([0.9, 0.1], (50, 1))

    evaluation = evaluate_classes("ab", np.ones(50, int), probabilities, texts=["x"] * 50)

    assert len(evaluation.mistakes) == 20
    assert evaluation.mistake_count == 50


@pytest.mark.parametrize("size", [1, 2, 150])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_small_and_empty_splits_are_scored_without_warnings(size, count):
    targets, probabilities = _classes(count, size)
    labels = [f"label {k}" for k in range(size)]
    texts = ["x"] * count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single = evaluate_classes(labels, targets, probabilities, texts=texts)
        multiple = evaluate_multi_label(
            labels, targets[:, None] == np.arange(size), probabilities, np.full(size, 0.5), texts=texts
        )

    for evaluation in (single, multiple):
        assert len(evaluation.classes) == size
        assert evaluation.count == count
        assert 0 <= evaluation.main_score <= 1
        assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation
        if count == 0:
            assert evaluation.main_interval == (0, 1)


def test_probabilities_that_are_no_numbers_are_refused():
    with pytest.raises(TrainingError, match=r"row 1: the probability is not a number; lower training\.learning_rate"):
        evaluate_classes("ab", np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 0.5]]), texts=["x", "y"])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"probabilities \(2, 2\)"):
        evaluate_classes("ab", np.array([0, 1]), np.zeros((2, 3)), texts=["x", "y"])


@settings(max_examples=50, deadline=None)
@given(
    labels=st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=5, unique=True),
    texts=st.lists(st.text(max_size=400), max_size=8),
    data=st.data(),
    multi=st.booleans(),
)
def test_an_evaluation_survives_json(labels, texts, data, multi):
    shape = (len(texts), len(labels))
    probabilities = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    rows = list(range(len(texts)))
    if multi:
        targets = data.draw(hnp.arrays(bool, shape))
        evaluation = evaluate_multi_label(
            labels, targets, probabilities, np.full(shape[1], 0.5), texts=texts, rows=rows
        )
    else:
        targets = data.draw(hnp.arrays(np.int64, shape[:1], elements=st.integers(0, shape[1] - 1)))
        evaluation = evaluate_classes(labels, targets, probabilities, texts=texts, rows=rows)

    content = json.dumps(evaluation.to_dict(), allow_nan=False)

    assert Evaluation.from_dict(json.loads(content)) == evaluation
    assert json.loads(content)["main_score"] == evaluation.main_score


def test_values_of_something_else_are_refused_in_one_line():
    with pytest.raises(ModelError, match=r"not an evaluation: .*Field required; evaluate the run again") as excinfo:
        Evaluation.from_dict({"accuracy": 1.0})

    assert "\n" not in str(excinfo.value)


def test_table_prints_labels_as_they_are():
    targets, probabilities = _classes()
    console = Console(width=100, record=True, file=io.StringIO())

    evaluation = evaluate_classes(("[red]a", "b", "c", "d"), targets, probabilities, texts=["x"] * 200)
    console.print(evaluation.table())

    output = console.export_text()
    assert "[red]a" in output
    assert "weighted" in output
    assert evaluation.headline().endswith("200 texts")


def test_jupyter_gets_the_table_and_the_drawings():
    targets, probabilities = _classes()

    html = evaluate_classes(LABELS, targets, probabilities, texts=["x"] * 200)._repr_html_()

    assert html.count("<svg") == 3
    assert "politics" in html
    assert "<html" not in html
