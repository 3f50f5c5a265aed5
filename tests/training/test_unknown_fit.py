"""Tests where "none of these" begins: the share of known texts that may be refused holds, whatever else is in dev."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import binomtest

from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_scores import UnknownScores, evaluate_classes
from tfapp.models.unknown import Unknown, energy, nearest_distance
from tfapp.training.unknown_fit import choose_method, choose_references, fit_unknown, refer, share_limit

# Logits of two labels with such an energy, the first label on top.
heights = st.lists(st.integers(-20, 20), min_size=1, max_size=30).map(lambda values: np.array(values, np.float64) / 4)


def logits_of(energies: np.ndarray) -> np.ndarray:
    top = -energies - np.log1p(np.exp(-3.0))
    return np.stack([top, top - 3.0], axis=1)


shares = st.sampled_from((0.01, 0.05, 0.1, 0.25, 0.5))


@given(heights, heights, shares)
def test_of_known_texts_no_more_than_the_share_are_refused(
    known_scores: np.ndarray, outside: np.ndarray, share: float
) -> None:
    logits = logits_of(np.concatenate([known_scores, outside]))
    targets = np.repeat([0, -1], [len(known_scores), len(outside)])
    unknown = fit_unknown(Unknown("none", share=share), logits, targets)
    assert unknown.limit is not None
    refusals = np.sum(known_scores >= unknown.limit)
    assert refusals <= share * len(known_scores)
    # A limit that is lower by one distance refuses as many as the share allows, or more.
    lower = known_scores[known_scores < unknown.limit].max()
    assert np.sum(known_scores >= lower) + 1 >= share * (len(known_scores) + 1)
    # Texts of no label, however many and wherever they are, leave the limit where it is.
    reference = fit_unknown(Unknown("none", share=share), logits[: len(known_scores)], targets[: len(known_scores)])
    assert unknown.limit == reference.limit


@pytest.mark.parametrize(("share", "count"), [(0.05, 19), (0.05, 150), (0.1, 60), (0.3, 40)])
def test_the_share_holds_for_further_texts(share: float, count: int) -> None:
    # Exponential distances: of further texts exp(-limit) are refused.
    draws = np.random.default_rng(2).exponential(size=(1000, count))
    shares = np.exp([-share_limit(draw, share) for draw in draws])
    assert shares.mean() <= share + 3 * shares.std() / np.sqrt(1000)
    # Within the interval of dev's own figure, as often as a one-sided interval of 97.5 % promises.
    highest = binomtest(int(share * count), count).proportion_ci(0.95).high
    assert np.mean(shares <= highest) >= 0.96


@pytest.mark.parametrize("by", ["distance", "guidance", "boundary", "energy"])
def test_rounding_errors_do_not_show_in_the_score(by: Literal["distance", "guidance", "boundary", "energy"]) -> None:
    random = np.random.default_rng(3)
    logits = (np.array([20.0, -10.0, -10.0]) + random.normal(scale=1e-3, size=(50, 3))).astype(np.float32)
    unknown = fit_unknown(refer(Unknown("none", by=by), logits[:25], np.zeros(25, int)), logits, np.zeros(50, int))
    assert unknown.limit is not None
    neighbours = logits + random.choice([-2e-6, 2e-6], logits.shape).astype(np.float32)
    np.testing.assert_allclose(unknown.scores(neighbours), unknown.scores(logits), atol=1e-4)


def test_without_known_texts_nothing_is_fitted() -> None:
    unknown = Unknown("none")
    assert fit_unknown(unknown, np.ones((3, 2)), np.full(3, -1)) == unknown


def test_scores_rise_with_the_energy_and_are_half_at_the_limit() -> None:
    logits = np.array([[5.0, 0.0], [1.0, 1.0], [-3.0, -4.0]], np.float32)
    energies = energy(logits).numpy()
    np.testing.assert_allclose(energies, -np.log(np.exp(logits).sum(axis=1)), rtol=1e-5)
    scores = Unknown("none", limit=float(energies[1]), scale=2.0).scores(logits).numpy()
    assert scores[1] == pytest.approx(0.5)
    assert scores[0] < 0.5 < scores[2]
    np.testing.assert_array_equal(Unknown("none").scores(logits), np.zeros(3))


def test_the_nearest_reference_counts_and_itself_is_no_way_off() -> None:
    random = np.random.default_rng(1)
    logits, references = (random.normal(scale=4, size=(rows, 5)).astype(np.float32) for rows in (7, 40))
    distances = nearest_distance(np.concatenate([logits, references[:3]]), references).numpy()
    np.testing.assert_allclose(distances[:7], cdist(logits, references, "sqeuclidean").min(axis=1), rtol=1e-4)
    assert (distances >= 0).all()
    np.testing.assert_allclose(distances[7:], 0, atol=1e-3)


def test_distance_takes_the_place_of_energy_once_there_are_references() -> None:
    unknown = Unknown("none", by="distance", limit=1.0)
    assert not unknown.can_score
    ready = Unknown("none", by="distance", limit=1.0, references=np.array([[3.0, 0.0]], np.float32))
    assert ready.can_score
    # The second is surer of its label than the first, and farther from what is known.
    scores = ready.scores(np.array([[3.0, 0.5], [30.0, 0.0]], np.float32)).numpy()
    assert scores[0] < 0.5 < scores[1]


def draw(random: np.random.Generator, count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits of three labels at these distances from their middle, and the labels."""
    targets = random.integers(0, 3, count)
    return (10 * np.eye(3)[targets] + random.normal(scale=spread, size=(count, 3))).astype(np.float32), targets


def test_without_examples_the_rule_chooses() -> None:
    random = np.random.default_rng(4)
    unknown = choose_method(Unknown("none", by="auto"), *draw(random, 90, 1.0), *draw(random, 60, 1.0))
    assert unknown.by == "guidance"
    assert unknown.reason == "dev has no examples of unknown texts, so the rule chose"
    assert (unknown.known, unknown.refused) == (60, 2)


def test_without_known_texts_the_rule_chooses_and_says_why() -> None:
    random = np.random.default_rng(4)
    outside = random.normal(size=(20, 3)).astype(np.float32)
    unknown = choose_method(Unknown("none", by="auto"), *draw(random, 90, 1.0), outside, np.full(20, -1))
    assert (unknown.by, unknown.limit) == ("guidance", None)
    assert unknown.reason == "dev has no texts of known labels to fit a limit to, so the rule chose"


@pytest.mark.parametrize(("examples", "by"), [(4, "guidance"), (40, "boundary")])
def test_with_enough_examples_dev_chooses(examples: int, by: str) -> None:
    random = np.random.default_rng(5)
    references, (known_logits, targets) = draw(random, 90, 3.0), draw(random, 60, 3.0)
    # They lie between the labels: far from all directions of known texts, not from the texts themselves.
    outside = random.normal(scale=0.3, size=(examples, 3)).astype(np.float32) + np.array([4.0, 4.0, 4.0], np.float32)
    dev, dev_targets = np.concatenate([known_logits, outside]), np.concatenate([targets, np.full(examples, -1)])
    unknown = choose_method(Unknown("none", by="auto"), *references, dev, dev_targets)
    assert unknown.by == by
    assert f"found of dev's {examples} unknown texts: guidance " in unknown.reason
    assert unknown.refused <= 0.05 * unknown.known


def test_guidance_weighs_the_distance_by_the_certainty_of_the_label() -> None:
    logits = np.array([[2.0, -1.0, 0.0], [0.5, 0.4, 0.3]], np.float32)
    references = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32)
    novelties = Unknown("none", by="guidance", references=references).novelty(logits).numpy()
    expected = cdist(logits, references, "sqeuclidean").min(axis=1) / softmax(logits, axis=1).max(axis=1)
    np.testing.assert_allclose(novelties, expected, rtol=1e-5)


@given(st.lists(st.integers(-1, 4), max_size=400))
def test_references_are_of_every_label_and_of_none_too_many(labels: list[int]) -> None:
    targets = np.array(labels, np.int32)
    references = choose_references(targets)
    assert len(set(references.tolist())) == len(references)
    for label in range(5):
        assert np.sum(targets[references] == label) == min(128, np.sum(targets == label))
    assert (targets[references] >= 0).all()


def test_the_unknown_is_one_class_more() -> None:
    targets = np.array([0, 0, 1, 1, -1, -1, -1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5], [0.6, 0.4], [0.9, 0.1]])
    scores = UnknownScores("none", np.array([0.1, 0.2, 0.1, 0.8, 0.9, 0.5, 0.3]), "by the rule")
    evaluation = evaluate_classes("ab", targets, probabilities, unknown=scores, texts=["x"] * 7)
    assert evaluation.labels == ("a", "b", "none")
    assert evaluation.confusion == ((1, 1, 0), (0, 1, 1), (1, 0, 2))
    assert evaluation.accuracy == pytest.approx(4 / 7)
    assert evaluation.scope() == {
        "in_scope_accuracy": pytest.approx(2 / 4),
        "in_scope_unknown": pytest.approx(1 / 4),
        "out_of_scope_recall": pytest.approx(2 / 3),
    }
    assert evaluation.details()["None of these"] == "by the rule"
    assert evaluation.metrics()["out_of_scope_recall"] == pytest.approx(2 / 3)
    assert evaluation.mistakes[0].predicted == ("a",)
    assert evaluation.mistakes[0].truth == ("none",)
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_without_texts_of_no_label_the_means_are_over_the_labels() -> None:
    targets = np.array([0, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    evaluation = evaluate_classes(
        "ab", targets, probabilities, unknown=UnknownScores("none", np.zeros(2)), texts=["x"] * 2
    )
    assert evaluation.macro.f1 == 1.0
    assert evaluation.scope() == {"in_scope_accuracy": 1.0, "in_scope_unknown": 0.0}
