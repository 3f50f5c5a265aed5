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


def evaluate(pairs: list[tuple[str, ...]], places: dict[str, tuple[float, ...]], **changes: Any) -> RetrievalEvaluation:
    """Evaluates pairs (or triples) of names of vectors."""
    columns = [list(column) for column in zip(*pairs, strict=True)] or [[], []]
    width = len(columns)
    vectors = np.array([[places.get(name, (1.0, 0.0)) for name in row] for row in pairs], np.float32)
    row_vectors = vectors.reshape(len(pairs), width, vectors.shape[-1] if pairs else 2)
    arguments: dict[str, Any] = {"temperature": 0.5, "rows": list(range(1, len(pairs) + 1))}
    return evaluate_retrieval(row_vectors, PairTexts(*columns), **arguments | changes)


def unit_vector(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def values(evaluation: RetrievalEvaluation) -> dict[str, float]:
    return {measure.name: measure.value for measure in evaluation.measures}


PLACES = {
    "q": unit_vector(0),
    "near": unit_vector(10),
    "far": unit_vector(80),
    "other": unit_vector(40),
    "p": unit_vector(45),
    "bad": unit_vector(43),
}


def test_each_query_looks_through_all_candidates() -> None:
    # q has two candidates, "near" at place 1 and "far" at place 4; p has "other", behind "bad".
    evaluation = evaluate([("q", "near", ""), ("q", "far", ""), ("p", "other", "bad")], PLACES)
    assert (evaluation.count, evaluation.candidates, evaluation.missed_count) == (2, 4, 1)
    ideal = 1 + 1 / np.log2(3)
    expected = {
        "nDCG@10": ((1 + 1 / np.log2(5)) / ideal + 1 / np.log2(3)) / 2,
        "MRR@10": (1 + 1 / 2) / 2,
        "accuracy@1": 0.5,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "recall@100": 1.0,
    }
    assert values(evaluation) == pytest.approx(expected, abs=1e-6)
    assert evaluation.places == (1, 1, *[0] * 9)
    (miss,) = evaluation.missed
    assert (miss.query, miss.wanted, miss.first, miss.place, miss.row) == ("p", "other", "bad", 2, 3)
    assert evaluation.counts == ("2 queries", "4 candidates", "1 with another candidate first")


def test_the_loss_is_that_of_telling_apart_what_does_not_fit() -> None:
    evaluation = evaluate([("q", "near"), ("q", "far"), ("p", "other")], PLACES)
    scores = {name: np.cos(np.radians(angle)) / 0.5 for name, angle in {"near": 10, "far": 80, "other": 40}.items()}
    of_q = np.mean([np.logaddexp(scores[name], scores["other"]) - scores[name] for name in ("near", "far")])
    logits = {name: np.cos(np.radians(angle)) / 0.5 for name, angle in {"near": 35, "far": 35, "other": 5}.items()}
    of_p = np.logaddexp.reduce(list(logits.values())) - logits["other"]
    assert evaluation.loss == pytest.approx((of_q + of_p) / 2, abs=1e-5)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 25)), min_size=1, max_size=40), st.integers(0, 99))
def test_ndcg_is_sklearns(pairs: list[tuple[int, int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = {name: tuple(vector / np.linalg.norm(vector)) for name, vector in _draw_vectors(random)}
    named_pairs = [(f"q{query}", f"c{candidate}") for query, candidate in pairs]
    evaluation = evaluate(named_pairs, vectors)
    candidates = list(dict.fromkeys(candidate for _, candidate in named_pairs))
    expected = []
    for query in dict.fromkeys(query for query, _ in named_pairs):
        fits = [float((query, candidate) in named_pairs) for candidate in candidates]
        scores = [float(np.dot(vectors[query], vectors[candidate])) for candidate in candidates]
        expected.append(ndcg_score([fits], [scores], k=10) if len(fits) > 1 else 1.0)
    assert values(evaluation)["nDCG@10"] == pytest.approx(np.mean(expected), abs=1e-5)


def _draw_vectors(random: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    return [(f"{kind}{number}", random.normal(size=8)) for kind in "qc" for number in range(26)]


def test_of_equal_candidates_the_wrong_ones_stand_first() -> None:
    same_vectors = dict.fromkeys("abcdwxyz", (1.0, 0.0))
    evaluation = evaluate([("a", "w"), ("b", "x"), ("c", "y"), ("d", "z")], same_vectors)
    assert values(evaluation)["accuracy@1"] == 0.0
    assert values(evaluation)["MRR@10"] == 0.25


def test_blocks_change_nothing() -> None:
    random = np.random.default_rng(0)
    vectors = {name: tuple(vector / np.linalg.norm(vector)) for name, vector in _draw_vectors(random)}
    pairs = [(f"q{number}", f"c{number}") for number in range(26)]
    blocks, evaluation = evaluate(pairs, vectors, block=26 * 3), evaluate(pairs, vectors)
    assert blocks.loss == pytest.approx(evaluation.loss, rel=1e-6)
    assert dataclasses.replace(blocks, loss=evaluation.loss) == evaluation


def test_a_vector_that_is_no_number_is_refused_with_its_row() -> None:
    with pytest.raises(TrainingError, match=r"row 2: the vector is not a number; lower training\.learning_rate"):
        evaluate([("q", "near"), ("p", "other")], PLACES | {"p": (float("nan"), 0.0)})


def test_it_travels_as_json_and_shows_itself(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    evaluation = evaluate([("q", "near"), (attack, "other")], PLACES | {attack: unit_vector(0)})
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))) == evaluation
    assert next(iter(evaluation.metrics())) == "nDCG@10"
    page = render_report(evaluation, title="t", metadata={})
    for expected in ("nDCG@10", "recall@100", "Missed queries", "2 of 2", "row 2", "with all 2 candidates"):
        assert expected in page
    assert "<script" not in page + evaluation._repr_html_()
    assert page.count("<svg") == evaluation._repr_html_().count("<svg") == 1
    with TensorBoardLog(tmp_path) as log:
        log.evaluation(evaluation, 7, "dev")
    tags = set(EventAccumulator(str(tmp_path / "dev")).Reload().Tags()["tensors"])
    assert {"evaluation/nDCG@10", "evaluation/loss", "places", "missed_queries"} <= tags


def test_nothing_is_evaluated_and_shown() -> None:
    evaluation = evaluate([], {})
    assert (evaluation.count, evaluation.main_score, evaluation.main_interval) == (0, 0.0, (0.0, 1.0))
    assert "No queries were evaluated" in render_report(evaluation, title="t", metadata={})
