"""The evaluation of an embedding model, held against scikit-learn's and against a case worked out by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from tfapp.errors import TrainingError
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.report import render_report
from tfapp.tasks.embedding.evaluation_result import RetrievalEvaluation
from tfapp.tasks.embedding.evaluator import PairTexts, evaluate_retrieval
from tfapp.training import TensorBoardLog


def judge(pairs: list[tuple[str, ...]], places: dict[str, tuple[float, ...]], **changes: Any) -> RetrievalEvaluation:
    """Evaluates pairs (or triples) of names of vectors."""
    columns = [list(column) for column in zip(*pairs, strict=True)] or [[], []]
    width = len(columns)
    vectors = np.array([[places.get(name, (1.0, 0.0)) for name in row] for row in pairs], np.float32)
    shaped = vectors.reshape(len(pairs), width, vectors.shape[-1] if pairs else 2)
    arguments: dict[str, Any] = {"temperature": 0.5, "rows": list(range(1, len(pairs) + 1))}
    return evaluate_retrieval(shaped, PairTexts(*columns), **arguments | changes)


def turned(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def values(found: RetrievalEvaluation) -> dict[str, float]:
    return {measure.name: measure.value for measure in found.measures}


PLACES = {
    "q": turned(0),
    "near": turned(10),
    "far": turned(80),
    "other": turned(40),
    "p": turned(45),
    "bad": turned(43),
}


def test_each_query_looks_through_all_candidates() -> None:
    # q has two candidates, "near" at place 1 and "far" at place 4; p has "other", behind "bad".
    found = judge([("q", "near", ""), ("q", "far", ""), ("p", "other", "bad")], PLACES)
    assert (found.count, found.candidates, found.missed_count) == (2, 4, 1)
    ideal = 1 + 1 / np.log2(3)
    expected = {
        "nDCG@10": ((1 + 1 / np.log2(5)) / ideal + 1 / np.log2(3)) / 2,
        "MRR@10": (1 + 1 / 2) / 2,
        "accuracy@1": 0.5,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "recall@100": 1.0,
    }
    assert values(found) == pytest.approx(expected, abs=1e-6)
    assert found.places == (1, 1, *[0] * 9)
    (missed,) = found.missed
    assert (missed.query, missed.wanted, missed.first, missed.place, missed.row) == ("p", "other", "bad", 2, 3)
    assert found.counts == ("2 queries", "4 candidates", "1 with another candidate first")


def test_the_loss_is_that_of_telling_apart_what_does_not_fit() -> None:
    found = judge([("q", "near"), ("q", "far"), ("p", "other")], PLACES)
    scores = {name: np.cos(np.radians(angle)) / 0.5 for name, angle in {"near": 10, "far": 80, "other": 40}.items()}
    of_q = np.mean([np.logaddexp(scores[name], scores["other"]) - scores[name] for name in ("near", "far")])
    seen = {name: np.cos(np.radians(angle)) / 0.5 for name, angle in {"near": 35, "far": 35, "other": 5}.items()}
    of_p = np.logaddexp.reduce(list(seen.values())) - seen["other"]
    assert found.loss == pytest.approx((of_q + of_p) / 2, abs=1e-5)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 25)), min_size=1, max_size=40), st.integers(0, 99))
def test_ndcg_is_sklearns(pairs: list[tuple[int, int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    known = {name: tuple(vector / np.linalg.norm(vector)) for name, vector in _drawn(random)}
    named = [(f"q{query}", f"c{candidate}") for query, candidate in pairs]
    found = judge(named, known)
    candidates = list(dict.fromkeys(candidate for _, candidate in named))
    expected = []
    for query in dict.fromkeys(query for query, _ in named):
        fits = [float((query, candidate) in named) for candidate in candidates]
        scores = [float(np.dot(known[query], known[candidate])) for candidate in candidates]
        expected.append(ndcg_score([fits], [scores], k=10) if len(fits) > 1 else 1.0)
    assert values(found)["nDCG@10"] == pytest.approx(np.mean(expected), abs=1e-5)


def _drawn(random: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    return [(f"{kind}{number}", random.normal(size=8)) for kind in "qc" for number in range(26)]


def test_of_equal_candidates_the_wrong_ones_stand_first() -> None:
    same = dict.fromkeys("abcdwxyz", (1.0, 0.0))
    found = judge([("a", "w"), ("b", "x"), ("c", "y"), ("d", "z")], same)
    assert values(found)["accuracy@1"] == 0.0
    assert values(found)["MRR@10"] == 0.25


def test_blocks_change_nothing() -> None:
    random = np.random.default_rng(0)
    known = {name: tuple(vector / np.linalg.norm(vector)) for name, vector in _drawn(random)}
    pairs = [(f"q{number}", f"c{number}") for number in range(26)]
    blocks, whole = judge(pairs, known, block=26 * 3), judge(pairs, known)
    assert blocks.loss == pytest.approx(whole.loss, rel=1e-6)
    assert dataclasses.replace(blocks, loss=whole.loss) == whole


def test_a_vector_that_is_no_number_is_refused_with_its_row() -> None:
    with pytest.raises(TrainingError, match=r"row 2: the vector is not a number; lower training\.learning_rate"):
        judge([("q", "near"), ("p", "other")], PLACES | {"p": (float("nan"), 0.0)})


def test_it_travels_as_json_and_shows_itself(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    found = judge([("q", "near"), (attack, "other")], PLACES | {attack: turned(0)})
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert next(iter(found.metrics())) == "nDCG@10"
    page = render_report(found, title="t", metadata={})
    for expected in ("nDCG@10", "recall@100", "Missed queries", "2 of 2", "row 2", "with all 2 candidates"):
        assert expected in page
    assert "<script" not in page + found._repr_html_()
    assert page.count("<svg") == found._repr_html_().count("<svg") == 1
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(found, 7, "dev")
    tags = set(EventAccumulator(str(tmp_path / "dev")).Reload().Tags()["tensors"])
    assert {"evaluation/nDCG@10", "evaluation/loss", "places", "missed_queries"} <= tags


def test_nothing_is_evaluated_and_shown() -> None:
    found = judge([], {})
    assert (found.count, found.main_score, found.main_interval) == (0, 0.0, (0.0, 1.0))
    assert "No queries were evaluated" in render_report(found, title="t", metadata={})
