"""Answers scored as SQuAD's script does, the threshold, and what an evaluation shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.learning_curve import LearningCurve
from tfapp.evaluation.report import render_report, render_summary
from tfapp.evaluation.run_summary import RunSummary
from tfapp.tasks.answering.evaluation_result import AnswerEvaluation
from tfapp.tasks.answering.evaluator import evaluate_answers
from tfapp.tasks.answering.metrics import exact_match, f1_score, fit_answer_threshold, normalize_answer

CONTEXTS = ["Ada met Charles in London.", "The bridge is <b>red</b> & long.", "Nobody knows.", "It opened in May 1987."]
QUESTIONS = ["Who met Charles?", "What colour is the bridge?", "Why?", "When did it open?"]
WANTED: list[list[tuple[int, int]]] = [[(0, 3)], [(17, 20), (14, 24)], [], [(13, 21)]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Eiffel-Tower!", "eiffeltower"),
        ("an apple, a day", "apple day"),
        ("Theatre and Anna", "theatre and anna"),
        ("a.", ""),
        ("a.b", "ab"),
        ("“Zweites\u00a0Leben”", "“zweites leben”"),
        ("", ""),
    ],
)
def test_answers_are_compared_without_case_articles_and_punctuation(text: str, expected: str) -> None:
    assert normalize_answer(text) == expected


@pytest.mark.parametrize(
    ("given_text", "answers", "f1", "exact"),
    [
        ("in May 1987", ["May 1987"], 0.8, 0.0),  # precision 2/3, recall 1
        ("the May, 1987", ["May 1987"], 1.0, 1.0),
        ("1987", ["May 1987", "1987"], 1.0, 1.0),
        ("June", ["May 1987"], 0.0, 0.0),
        ("May May", ["May"], 2 / 3, 0.0),  # the second is one too many
        ("1987 May", ["May 1987"], 1.0, 0.0),
        ("", ["May"], 0.0, 0.0),
        ("May", [], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("the", [], 1.0, 1.0),
        ("", ["the"], 1.0, 1.0),  # nothing is left of it, which the script reads as no answer
        ("the", ["the", "May"], 0.0, 0.0),
    ],
)
def test_scores_are_those_of_the_script(given_text: str, answers: list[str], f1: float, exact: float) -> None:
    assert f1_score(given_text, answers) == pytest.approx(f1)
    assert exact_match(given_text, answers) == exact


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-3.0, -1.0, 0.0, 0.5, 0.5000001, 4.0]), st.floats(0, 1), st.sampled_from([0.0, 1.0])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_threshold_is_better_than_the_fitted_one(rows: list[tuple[float, float, float]]) -> None:
    margins, answer_scores, absence_scores = (np.array(column) for column in zip(*rows, strict=True))

    def total(threshold: float) -> float:
        return float(np.where(margins > threshold, answer_scores, absence_scores).sum())

    best = max(total(threshold) for threshold in [-9.0, *(margins + 1e-9), *(margins - 1e-9), 9.0])
    assert total(fit_answer_threshold(margins, answer_scores, absence_scores)) == pytest.approx(best)


def test_without_questions_the_threshold_is_zero() -> None:
    assert fit_answer_threshold(np.zeros(0), np.zeros(0), np.zeros(0)) == 0


def evaluate(**changes: Any) -> AnswerEvaluation:
    values: dict[str, Any] = {
        "questions": QUESTIONS,
        "contexts": CONTEXTS,
        "gold_spans": WANTED,
        "starts": np.array([0, 17, 0, 10]),
        "ends": np.array([3, 20, 6, 21]),
        "scores": np.array([0.9, 0.8, 0.7, 0.6]),
        "loss": 0.5,
        "threshold": 0.25,
        "rows": [1, 2, 3, 4],
    }
    return evaluate_answers(**values | changes)


def test_an_evaluation_by_hand() -> None:
    evaluation = evaluate()
    assert {measure.name: measure.value for measure in evaluation.measures} == pytest.approx(
        {
            "F1": (1 + 1 + 0 + 0.8) / 4,
            "exact match": 2 / 4,
            "F1 with an answer": 2.8 / 3,
            "exact match with an answer": 2 / 3,
            "right without an answer": 0,
        }
    )
    assert (evaluation.main_name, evaluation.main_score) == ("F1", pytest.approx(0.7))
    assert evaluation.main_interval[0] <= 0.7 <= evaluation.main_interval[1]
    assert (evaluation.answerable, evaluation.answered, evaluation.count) == (3, 4, 4)
    assert evaluation.counts == ("4 questions", "1 without an answer", "2 not quite right")
    assert [(group.name, group.count, group.f1) for group in evaluation.by_word] == [
        ("what", 1, 1.0),
        ("who", 1, 1.0),
        ("when", 1, pytest.approx(0.8)),
        ("why", 1, 0.0),
    ]
    worst, second = evaluation.wrong
    assert (worst.question, worst.wanted, worst.given, worst.f1, worst.row) == ("Why?", "", "Nobody", 0.0, 3)
    assert (second.wanted, second.given) == ("May 1987", "in May 1987")
    assert list(evaluation.metrics()) == [measure.name for measure in evaluation.measures] + ["loss"]
    assert evaluation.details()["Answers over a log odds of"] == "0.25"


def test_no_answer_where_start_and_end_are_the_same() -> None:
    evaluation = evaluate(starts=np.zeros(4, int), ends=np.zeros(4, int))
    assert {measure.name: measure.value for measure in evaluation.measures}["right without an answer"] == 1
    assert evaluation.main_score == 0.25
    assert evaluation.answered == 0
    assert [mistake.given for mistake in evaluation.wrong] == ["", "", ""]


def test_data_with_answers_alone_have_two_measures() -> None:
    part = {"questions": QUESTIONS[:2], "contexts": CONTEXTS[:2], "gold_spans": WANTED[:2], "rows": [1, 2]}
    arrays = {"starts": np.zeros(2, int), "ends": np.full(2, 3), "scores": np.ones(2), "threshold": None}
    evaluation = evaluate(**part, **arrays)
    assert [measure.name for measure in evaluation.measures] == ["F1", "exact match"]
    assert "Answers over a log odds of" not in evaluation.details()


def test_lengths_are_grouped_in_rising_order() -> None:
    contexts = [CONTEXTS[0] + " " * length for length in (10, 3000, 300, 900)]
    evaluation = evaluate(
        contexts=contexts, gold_spans=[[(0, 3)]] * 4, starts=np.zeros(4, int), ends=np.array([3, 3, 0, 3])
    )
    assert [(group.name, group.count, group.f1) for group in evaluation.by_length] == [
        ("to 250", 1, 1.0),
        ("to 500", 1, 0.0),
        ("to 1000", 1, 1.0),
        ("over 2000", 1, 1.0),
    ]


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("In which year?", "which"),
        ("What's that?", "what"),
        ("Did they, and why?", "do"),
        ("Wann war das?", "other"),
        ("", "other"),
    ],
)
def test_questions_have_their_first_question_word(question: str, word: str) -> None:
    assert [group.name for group in evaluate(questions=[question] * 4).by_word] == [word]


@pytest.mark.parametrize("changes", [{"scores": np.array([0.5, np.nan, 0.5, 0.5])}, {"loss": float("nan")}])
def test_what_is_no_number_is_named(changes: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=r"the scores are not numbers; lower training\.learning_rate"):
        evaluate(**changes)


def test_an_evaluation_travels_as_json_and_is_shown() -> None:
    evaluation = evaluate()
    values = evaluation.to_dict()
    assert Evaluation.from_dict(values) == evaluation
    assert (values["kind"], values["main_name"]) == ("answers", "F1")
    page = render_report(evaluation, title="toy", metadata={"Data": "toy"})
    for text in (
        "May 1987",
        "in May 1987",
        "no answer",
        "row 3",
        "exact match with an answer",
        "F1 by the question word",
    ):
        assert text in page
    assert "is &lt;b&gt;red" not in page  # it was answered rightly
    assert "<b>red</b>" not in page
    assert "F1 by the question word" in render_summary(evaluation)
    board = evaluation.board()
    assert board.scalars["evaluation/F1"] == evaluation.main_score
    assert set(board.images) == {"words"}
    assert "no answer" in board.texts["wrong_answers"]
    assert evaluation.table().row_count == 5


def test_the_drawings_of_a_run_s_summary_stand_once() -> None:
    curve = LearningCurve((10, 20, 40), (0.5, 0.6, 0.7), 0.01, 40, 30)
    page = render_report(evaluate(), title="toy", metadata={}, summary=RunSummary({}, {}, [], learning_curve=curve))
    assert page.count("<svg") == 2  # the question words, and the curve


def test_a_wrong_answer_s_context_is_cut_and_escaped() -> None:
    context = "x" * 500 + CONTEXTS[1] + "y" * 500
    evaluation = evaluate(
        contexts=[CONTEXTS[0], context, *CONTEXTS[2:]], gold_spans=[WANTED[0], [(517, 520)], *WANTED[2:]]
    )
    (excerpt,) = (mistake.context for mistake in evaluation.wrong if mistake.row == 2)
    assert excerpt.startswith("…x")
    assert excerpt.endswith("y…")
    assert "<b>red</b>" in excerpt
    assert "&lt;b&gt;red" in render_report(evaluation, title="toy", metadata={})


def test_without_questions_nothing_breaks() -> None:
    nothing = {"questions": [], "contexts": [], "gold_spans": [], "rows": [], "loss": 0.0}
    arrays = {name: np.zeros(0) for name in ("starts", "ends", "scores")}
    evaluation = evaluate(**nothing, **arrays)
    assert evaluation.main_score == 0
    assert evaluation.figures() == {}
    assert "No questions were evaluated" in render_report(evaluation, title="toy", metadata={})
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation
