"""Rankings against scikit-learn and by hand, their edges, their way through JSON, and what people see of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import log_loss, ndcg_score, roc_auc_score
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from tests.evaluation.scored_rows import graded_rows
from tests.evaluators import evaluate
from tfapp.config import ModelSettings
from tfapp.core.ndcg import ndcg
from tfapp.errors import TrainingError
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.report import render_report
from tfapp.tasks.models import build_model
from tfapp.tasks.ranking.evaluation_result import RankingEvaluation
from tfapp.tasks.ranking.evaluator import evaluate_ranking
from tfapp.training import tokenize_split
from tfapp.training.tensorboard import TensorBoardLog

ATTACK = "<script>alert(1)</script>"


def score_pairs(grades: Any, scores: Any, groups: str = "", **changes: Any) -> RankingEvaluation:
    count = len(grades)
    texts: dict[str, Any] = {
        "groups": list(groups or "q" * count),
        "queries": [f"query {name}" for name in groups or "q" * count],
        "candidates": [f"candidate {number}" for number in range(count)],
        "rows": list(range(1, count + 1)),
    }
    return evaluate_ranking(np.array(grades, float), np.array(scores, float), **(texts | changes))


def values(evaluation: RankingEvaluation) -> dict[str, float]:
    return {measure.name: measure.value for measure in evaluation.measures}


@given(st.integers(2, 12).flatmap(graded_rows), st.integers(1, 12))
def test_ndcg_is_sklearns_with_its_ties(rows: tuple[np.ndarray, np.ndarray], depth: int) -> None:
    grades, scores = rows
    grades[0] = 1.0
    assert ndcg(grades, scores, depth) == pytest.approx(ndcg_score([grades], [scores], k=depth))


def test_measures_are_means_over_the_queries_that_have_a_relevant_candidate() -> None:
    # a: its one at place 1; b: at place 3 of 3; c: none; d: two of three, at places 1 and 3.
    grades = [1, 0, 0, 0, 1, 0, 0, 1, 0, 1]
    scores = [0.9, 0.1, 0.8, 0.7, 0.2, 0.5, 0.4, 0.9, 0.8, 0.7]
    evaluation = score_pairs(grades, scores, "aabbbccddd")
    assert values(evaluation) == pytest.approx(
        {
            "nDCG@10": (1 + 0.5 + (1 + 0.5) / (1 + 1 / np.log2(3))) / 3,
            "MRR": (1 + 1 / 3 + 1) / 3,
            "recall@1": (1 + 0 + 0.5) / 3,
            "recall@5": 1.0,
            "recall@10": 1.0,
            "AUC": roc_auc_score(grades, scores),
        }
    )
    assert (evaluation.main_name, evaluation.main_score) == ("nDCG@10", values(evaluation)["nDCG@10"])
    assert (evaluation.count, evaluation.queries, evaluation.answerable, evaluation.missed_count) == (10, 4, 3, 1)
    assert evaluation.places == (2, 0, 1, *[0] * 8)
    assert evaluation.loss == pytest.approx(log_loss(grades, scores))
    (miss,) = evaluation.missed
    assert (miss.query, miss.wanted, miss.first) == ("query b", "candidate 4", "candidate 2")
    assert (miss.place, miss.candidates, miss.row) == (3, 3, 5)
    assert evaluation.counts == ("10 pairs", "4 queries", "1 with another candidate first")


def test_a_model_that_gives_everything_the_same_score_does_not_look_good() -> None:
    measures = values(score_pairs([1, 0, 0, 0] * 5, [0.5] * 20, "".join(name * 4 for name in "abcde")))
    assert (measures["MRR"], measures["recall@1"], measures["AUC"]) == (0.25, 0.0, 0.5)


def test_without_a_choice_auc_is_the_main_measure() -> None:
    evaluation = score_pairs([1, 0, 1, 0], [0.9, 0.2, 0.1, 0.3], "abcd")
    assert (evaluation.main_name, evaluation.main_score) == ("AUC", roc_auc_score([1, 0, 1, 0], [0.9, 0.2, 0.1, 0.3]))


def test_grades_between_count_in_between() -> None:
    best, worst = (values(score_pairs([1, 0.5, 0], scores))["nDCG@10"] for scores in ([0.9, 0.5, 0.1], [0.5, 0.9, 0.1]))
    assert best == 1.0
    assert worst == pytest.approx((0.5 + 1 / np.log2(3)) / (1 + 0.5 / np.log2(3)))
    # A grade above all of train stands for certainty.
    assert score_pairs([2.0, 0.0], [0.75, 0.5]).loss == pytest.approx(log_loss([1, 0], [0.75, 0.5]))


@pytest.mark.parametrize("count", [0, 1])
def test_almost_nothing_is_evaluated_and_shown(tmp_path: Path, count: int) -> None:
    for grade in (0.0, 1.0):
        evaluation = score_pairs([grade] * count, [0.5] * count)
        assert evaluation.main_name == "AUC"
        page = render_report(evaluation, title="t", metadata={})
        assert ("No pairs were evaluated" in page) == (count == 0)
        with TensorBoardLog(tmp_path) as log:
            log.evaluation(evaluation, 1, "dev")
    assert score_pairs([], []).main_interval == (0.0, 1.0)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"row 2: the score is not a number; lower training\.learning_rate"):
        score_pairs([1, 0], [0.5, np.nan])


@settings(max_examples=15)
@given(st.integers(0, 12).flatmap(graded_rows), st.data())
def test_an_evaluation_survives_json(rows: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    groups = "".join(data.draw(st.sampled_from("ab")) for _ in rows[0])
    evaluation = score_pairs(*rows, groups)
    content = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert Evaluation.from_dict(json.loads(content)) == evaluation
    assert list(json.loads(content))[:3] == ["main_name", "main_score", "kind"]
    assert all(0 <= measure.value <= 1 + 1e-12 for measure in evaluation.measures)


def test_the_record_of_an_export_is_led_by_the_main_measure() -> None:
    metrics = score_pairs([1, 0, 1, 0], [0.9, 0.2, 0.1, 0.3], "abcd").metrics()
    assert next(iter(metrics)) == "AUC"
    assert set(metrics) == {"nDCG@10", "MRR", "recall@1", "recall@5", "recall@10", "AUC", "loss"}


def test_the_page_says_what_was_found_and_texts_stay_texts() -> None:
    evaluation = score_pairs([0, 1, 0], [0.9, 0.5, 0.1], queries=[ATTACK] * 3, candidates=[ATTACK] * 3)
    page = render_report(evaluation, title="My run", metadata={"Data": "d"})
    for expected in ("nDCG@10", "recall@5", "Missed queries", "2 of 3", "row 2", "first relevant candidate", "1 query"):
        assert expected in page
    assert "<script" not in page + evaluation._repr_html_()
    assert page.count("<svg") == evaluation._repr_html_().count("<svg") == 1


def test_tensorboard_gets_measures_places_and_missed_queries(tmp_path: Path) -> None:
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(score_pairs([0, 1, 0], [0.9, 0.5, 0.1]), 7, "dev")
    tags = set(EventAccumulator(str(tmp_path / "dev")).Reload().Tags()["tensors"])
    measures = {f"evaluation/{name}" for name in ("nDCG@10", "MRR", "recall@1", "recall@5", "recall@10", "AUC", "loss")}
    assert tags == measures | {"places", "missed_queries"}


def test_the_terminal_gets_a_table() -> None:
    evaluation = score_pairs([0, 1, 0], [0.9, 0.5, 0.1])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(evaluation.table())
    output = console.export_text()
    assert all(name in output for name in ("nDCG@10", "MRR", "0.631"))
    assert evaluation.headline() == "nDCG@10 0.631 (95 % interval 0.631 to 0.631), 3 pairs"


def test_pairs_are_judged_query_by_query(shallow_preset: Path) -> None:
    model = build_model("ranking", ModelSettings(preset=str(shallow_preset), max_length=16), ["0", "2"])
    columns = {
        "query": ["a", "a ", "b"],
        "candidate": ["x", "y", "z"],
        "label": [0.0, 1.0, 2.0],
        "group": ["a", "a ", "b"],
        "row": [7, 8, 9],
    }
    side = tokenize_split(model, pa.table(columns))
    assert side.targets.tolist() == [0.0, 0.5, 1.0]
    evaluation = evaluate(model, np.array([2.0, 1.0, 0.0], np.float32), side)
    assert isinstance(evaluation, RankingEvaluation)
    assert (evaluation.count, evaluation.queries, evaluation.places[:2]) == (3, 2, (1, 1))
    assert (evaluation.missed[0].wanted, evaluation.missed[0].first, evaluation.missed[0].row) == ("y", "x", 8)
