from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ndcg_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.apps.recommend.library import made_event_log, made_item_matrix
from tfapp.apps.recommend.evaluation import _gain, evaluate
from tfapp.apps.recommend.logistic_weights import LogisticWeights
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.errors import DataError


def test_lists_beat_what_is_popular_and_new_items_are_found_where_item_knn_finds_none() -> None:
    evaluation = evaluate(
        made_item_matrix(150), made_event_log(150, users=90, each=15, early_items=110), RecommendSettings()
    )
    everything, new = evaluation.all_items, evaluation.new_items
    assert everything["ours"].ndcg > 2 * everything["popularity"].ndcg
    assert everything["ours"].ndcg > 0.95 * everything["item-kNN"].ndcg
    assert everything["ours"].ndcg > 2 * everything["text alone"].ndcg
    assert everything["ours"].users == 90
    assert new["item-kNN"].ndcg == new["popularity"].ndcg == 0
    assert new["ours"].ndcg > 0.25
    assert new["ours"].users > 30


@pytest.mark.parametrize("seed", range(5))
def test_the_gain_of_a_list_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    liked_items, listed_items = random.choice(40, 5, replace=False), random.choice(40, 10, replace=False)
    grades, scores = np.zeros(40), np.zeros(40)
    grades[liked_items] = 1
    scores[listed_items] = np.arange(10, 0, -1)
    assert _gain(liked_items, listed_items, 40, 10) == pytest.approx(ndcg_score([grades], [scores], k=10))


def test_a_short_list_gains_what_its_places_gain() -> None:
    assert _gain(np.array([3]), np.array([1, 3]), 10, 10) == pytest.approx(1 / np.log2(3))
    assert _gain(np.array([3]), np.array([], int), 10, 10) == 0


def test_too_few_events_are_told() -> None:
    with pytest.raises(DataError, match="nobody liked anything after the first 80% of them and 10 of their own; add"):
        evaluate(made_item_matrix(30), made_event_log(30, users=1, each=2), RecommendSettings())


def test_the_weights_are_scikit_learns_and_come_back_from_json() -> None:
    random = np.random.default_rng(0)
    values, is_liked = random.normal(size=(200, 3)) * [1, 10, 0.1], random.random(200) < 0.4
    model = LogisticWeights.fit(("a", "b", "c"), values, is_liked)
    assert model is not None
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(values, is_liked)
    np.testing.assert_allclose(model.scores(values), reference.decision_function(values), atol=1e-9)
    assert TypeAdapter(LogisticWeights).validate_python(json.loads(json.dumps(asdict(model)))) == model
    assert LogisticWeights.fit(("a", "b", "c"), values, np.zeros(200, bool)) is None
    # A row that counts twice is as good as two of it.
    counts = 1.0 + is_liked
    weighted_model, repeats = (
        LogisticWeights.fit(("a",), values[:, :1], is_liked, counts),
        np.r_[np.arange(200), np.flatnonzero(is_liked)],
    )
    assert weighted_model is not None
    repeat = LogisticRegression(max_iter=500).fit(
        (values[repeats, :1] - weighted_model.means[0]) / weighted_model.scales[0], is_liked[repeats]
    )
    assert weighted_model.weights[0] == pytest.approx(repeat.coef_[0, 0], abs=1e-4)
