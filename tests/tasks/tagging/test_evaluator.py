"""Scores of spans against counting by hand, kinds of mistakes, and what people see of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation, write_report
from tfapp.evaluation.metrics import class_means
from tfapp.tasks.tagging.evaluation_result import EntityEvaluation
from tfapp.tasks.tagging.evaluator import evaluate_entities
from tfapp.tasks.tagging.metrics import Span, span_scores, text_counts, word_scores
from tfapp.training import TensorBoardLog

LABELS = ("a", "b-c", "unused")


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    place, row_spans = 0, []
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(LABELS[:2])), max_size=4)
    ):
        row_spans.append(Span(place + gap, place + gap + size, label))
        place += gap + size
    return row_spans


@settings(max_examples=80)
@given(st.lists(st.tuples(spans(), spans()), min_size=1, max_size=5))
def test_spans_are_counted_to_the_character(pairs: list[tuple[list[Span], list[Span]]]) -> None:
    truth, predictions = [gold_spans for gold_spans, _ in pairs], [predicted_spans for _, predicted_spans in pairs]
    types, micro = span_scores(LABELS, truth, predictions)
    span_sets = [
        {(row, *span[:3]) for row, row_spans in enumerate(side) for span in row_spans} for side in (truth, predictions)
    ]
    for name, score in [*zip(LABELS, types, strict=True), (None, micro)]:
        true_spans, predicted_spans = ({span for span in side if name in (None, span[3])} for side in span_sets)
        right = len(true_spans & predicted_spans)
        assert score.precision == pytest.approx(right / max(len(predicted_spans), 1))
        assert score.recall == pytest.approx(right / max(len(true_spans), 1))
        assert score.f1 == pytest.approx(2 * right / max(len(true_spans) + len(predicted_spans), 1))
        assert score.support == len(true_spans)
    counts = text_counts(truth, predictions)
    assert counts.shape == (len(pairs), 3)
    assert counts.sum(axis=0).tolist() == [
        len(span_sets[0] & span_sets[1]),
        len(span_sets[1] - span_sets[0]),
        len(span_sets[0] - span_sets[1]),
    ]


def test_means_over_types() -> None:
    types, _ = span_scores(LABELS, [[Span(0, 1, "a"), Span(2, 3, "b-c")], [Span(0, 2, "a")]], [[Span(0, 1, "a")], []])
    macro, weighted = class_means(types)
    # No text has the third.
    assert macro.recall == pytest.approx((0.5 + 0) / 2)
    assert weighted.recall == pytest.approx((2 * 0.5 + 0) / 3)
    assert weighted.support == 3


def test_words_are_scored_by_their_type() -> None:
    accuracy, scores = word_scores(LABELS, ["", "a", "a", "b-c"], ["", "a", "", "a"])
    assert accuracy == 0.5
    assert [(row.precision, row.recall, row.support) for row in scores] == [(0.5, 0.5, 2), (0, 0, 1), (0, 0, 0)]


TEXT = "Ana Lee met Bob in New York on May Day, said Zoe."


def at(words: str, label: str, score: float = 1.0) -> Span:
    start = TEXT.index(words)
    return Span(start, start + len(words), label, score)


TRUTH = [at("Ana Lee", "a"), at("Bob", "a"), at("New York", "b-c"), at("Zoe", "a")]
FOUND = [at("Ana", "a", 0.9), at("Bob", "b-c", 0.8), at("New York", "b-c", 0.7), at("May Day", "a", 0.6)]


def evaluate(
    truth: Sequence[Sequence[Span]] = (TRUTH, []), predictions: Sequence[Sequence[Span]] = (FOUND, [])
) -> EntityEvaluation:
    words = np.array([(start, start + len(word)) for word in TEXT.split(" ") for start in [TEXT.index(word)]], np.int32)
    return evaluate_entities(
        LABELS,
        truth,
        predictions,
        words=[(words[:, 0], words[:, 1])] * len(truth),
        losses=(6.0, 24),
        texts=[TEXT] * len(truth),
        rows=range(7, 7 + len(truth)),
    )


def test_mistakes_have_their_kinds() -> None:
    evaluation = evaluate()
    kinds = [
        (mistake.kind, mistake.truth, mistake.truth_type, mistake.predicted, mistake.predicted_type)
        for mistake in evaluation.mistakes
    ]
    assert kinds == [
        ("missed", "Zoe", "a", "", ""),
        ("spurious", "", "", "May Day", "a"),
        ("wrong border", "Ana Lee", "a", "Ana", "a"),
        ("wrong type", "Bob", "a", "Bob", "b-c"),
    ]
    assert evaluation.mistake_counts == (1, 1, 1, 1)
    assert all(mistake.row == 7 and mistake.context == TEXT for mistake in evaluation.mistakes)
    assert [mistake.score for mistake in evaluation.mistakes] == [0.0, 0.6, 0.9, 0.8]
    # Row the truth, column what was said of the same place; last what the other side lacks.
    assert evaluation.confusion == ((0, 1, 0, 2), (0, 1, 0, 0), (0, 0, 0, 0), (2, 0, 0, 0))


def test_a_span_found_in_two_pieces_is_two_mistakes() -> None:
    evaluation = evaluate([[at("Ana Lee", "a")]], [[at("Ana", "a", 0.5), at("Lee", "a", 0.4)]])
    assert [(mistake.kind, mistake.truth, mistake.predicted) for mistake in evaluation.mistakes] == [
        ("wrong border", "Ana Lee", "Ana"),
        ("wrong border", "Ana Lee", "Lee"),
    ]


def test_scores_counts_and_what_is_out_of_reach() -> None:
    evaluation = evaluate()
    assert (evaluation.main_name, evaluation.main_score, evaluation.loss, evaluation.words) == (
        "entity F1",
        0.25,
        0.25,
        24,
    )
    low, high = evaluation.main_interval
    assert low <= 0.25 <= high
    assert evaluation.counts == ("2 texts", "4 entities", "4 wrong")
    # The last word of this splitter is "Zoe.", so "Zoe" ends inside it.
    assert evaluation.out_of_reach == 1
    assert evaluation.details()["Out of reach"] == "1 true spans that start or end inside a word"
    assert next(iter(evaluation.metrics())) == "entity_F1"
    assert "entity F1 0.250" in evaluation.headline()


def test_long_texts_are_cut_around_the_mistake() -> None:
    (mistake,) = evaluate_entities(
        ("a",),
        [[Span(100, 103, "a")]],
        [[]],
        words=[(np.array([100], np.int32), np.array([103], np.int32))],
        losses=(0.0, 1),
        texts=["x" * 100 + "Ana" + "y" * 100],
        rows=[1],
    ).mistakes
    assert mistake.context == f"…{'x' * 60}Ana{'y' * 60}…"


@pytest.mark.parametrize(
    "evaluation", [evaluate(), evaluate([[]], [[]]), evaluate([], [])], ids=["some", "none", "void"]
)
def test_it_travels_as_json_and_shows_itself(evaluation: EntityEvaluation, tmp_path: Path) -> None:
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation
    page = write_report(evaluation, tmp_path / "report.html", title="toy", metadata={}).read_text()
    assert "Scores by type" in page
    assert evaluation.count == 0 or "Confusion of types" in page
    assert "<table" in evaluation._repr_html_()
    assert evaluation.table().row_count == 6
    with TensorBoardLog(tmp_path / "logs") as log:
        log.evaluation(evaluation, 3, split="dev")
    assert list((tmp_path / "logs/dev").iterdir())


def test_a_page_escapes_what_texts_hold(tmp_path: Path) -> None:
    text = "<b>Ana</b>"
    evaluation = evaluate_entities(
        ("<i>",),
        [[Span(3, 6, "<i>")]],
        [[]],
        words=[(np.array([3], np.int32), np.array([6], np.int32))],
        losses=(0.0, 1),
        texts=[text],
        rows=[1],
    )
    page = write_report(evaluation, tmp_path / "report.html", title="toy", metadata={}).read_text()
    assert "&lt;b&gt;Ana&lt;/b&gt;" in page
    assert "<b>Ana" not in page
    assert "<i>" not in page


def test_a_loss_that_is_no_number_is_named() -> None:
    with pytest.raises(TrainingError, match=r"the loss is nan; lower training\.learning_rate"):
        evaluate_entities(LABELS, [], [], words=[], losses=(float("nan"), 1), texts=[], rows=[])
