"""Scores the untouched preset's vectors on the rows of a run, for tasks of pairs and of numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import ndcg_score
from sklearn.preprocessing import StandardScaler

__all__ = ["BASELINES", "frozen_vectors", "measure_baseline"]

PRESET: Final = "minilm-l6"
BASELINES: Final = ("pair-classification", "ranking", "embedding", "regression", "pair-regression")
"""The tasks that have one."""
DataColumns = Mapping[str, Sequence[Any]]


def measure_baseline(task: str, train: DataColumns, test: DataColumns) -> tuple[str, float]:
    """Returns the name of a baseline and its score on test, as `tfapp train` scores the task.

    Args:
        task: One of `BASELINES`.
        train: The columns of train and dev.
        test: Those of test.
    """
    if task == "ranking":
        return "cosine of the preset", _ranking(test)
    if task == "embedding":
        return "vectors of the preset", _retrieval(test)
    train_features, test_features = _features(train, test)
    if task == "pair-classification":
        scaler = StandardScaler().fit(train_features)
        regression = LogisticRegressionCV(
            Cs=10.0 ** np.arange(-5, 1.5, 0.5), cv=5, max_iter=300, scoring="neg_log_loss"
        )
        regression.fit(scaler.transform(train_features), train["label"])
        return "LR, both vectors", float(
            np.mean(regression.predict(scaler.transform(test_features)) == np.array(test["label"]))
        )
    numbers = np.asarray(train["label"], float)
    ridge = RidgeCV(alphas=10.0 ** np.arange(-3, 3.5, 0.5)).fit(train_features, numbers)
    errors = ridge.predict(test_features) - np.asarray(test["label"], float)
    return "ridge, frozen vectors", float(np.sqrt(np.mean(errors**2)))


def frozen_vectors(*columns: Sequence[str]) -> list[Any]:
    """Returns float32[N, H] of each column of texts, of length 1, as the untouched preset makes them."""
    from tfapp.api import export_preset, predict

    with tempfile.TemporaryDirectory() as folder:
        model = export_preset(PRESET, folder, overrides=["model.max_length=128"], quiet=True)
        return [np.asarray(predict(model, list(texts))["embedding"]) for texts in columns]


def _features(train: DataColumns, test: DataColumns) -> list[Any]:
    names = ("text",) if "text" in train else ("query", "candidate")
    vectors = frozen_vectors(*(split[name] for split in (train, test) for name in names))
    if len(names) == 1:
        return vectors
    pairs = zip(vectors[::2], vectors[1::2], strict=True)
    return [np.concatenate([u, v, np.abs(u - v), u * v], axis=1) for u, v in pairs]


def _ranking(test: DataColumns) -> float:
    u, v = frozen_vectors(test["query"], test["candidate"])
    cosines, grades, queries = (u * v).sum(axis=1), np.asarray(test["label"], float), np.asarray(test["query"])
    gains = []
    for query in np.unique(queries):
        rows = queries == query
        if grades[rows].max() > 0:
            gains.append(ndcg_score([grades[rows]], [cosines[rows]], k=10) if rows.sum() > 1 else 1.0)
    return float(np.mean(gains))


def _retrieval(test: DataColumns) -> float:
    queries, candidates = sorted(set(test["query"])), sorted(set(test["candidate"]))
    u, v = frozen_vectors(queries, candidates)
    columns = {text: number for number, text in enumerate(candidates)}
    fits = np.zeros((len(queries), len(candidates)))
    number = {text: row for row, text in enumerate(queries)}
    for query, candidate in zip(test["query"], test["candidate"], strict=True):
        fits[number[query], columns[candidate]] = 1
    return float(ndcg_score(fits, u @ v.T, k=10))
