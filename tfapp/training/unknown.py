"""Fits where a classifier begins to answer "none of these": what separates dev texts of known labels from others."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.models import TaskModel
from tfapp.models.unknown import Unknown
from tfapp.training.steps import make_predictor, predict_logits
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["calibrate_unknown", "choose_references", "fit_unknown"]

# Of Banking77's 58 known intents 64 texts each find as many of the others as all texts do.
_PER_LABEL: Final = 64
_MOST: Final = 4096


def calibrate_unknown(model: TaskModel, train_split: TokenizedSplit, dev_split: TokenizedSplit) -> bool:
    """Gives a trained classifier that measures distances what it measures them to, and its limit.

    Args:
        model: With its best weights.
        train_split: Of its texts some are measured to.
        dev_split: Where the limit shows.

    Returns:
        Whether the model measures distances.
    """
    unknown = model.unknown
    if unknown is None or unknown.by != "distance":
        return False
    rows = choose_references(train_split.targets)
    predictor = make_predictor(model, dev_split.targets)
    references = predict_logits(predictor, train_split.texts.take(rows), train_split.targets[rows])
    dev = predict_logits(predictor, dev_split.texts, dev_split.targets)
    model.unknown = fit_unknown(replace(unknown, references=references), dev, dev_split.targets)
    return True


def choose_references(targets: NDArray[np.integer]) -> NDArray[np.int64]:
    """Returns the numbers of texts that stand for their labels, equally many of each label where there are enough.

    Texts of no label (-1) are not chosen.
    """
    random = np.random.default_rng(0)
    labels = np.unique(targets[targets >= 0])
    count = max(1, min(_PER_LABEL, _MOST // max(len(labels), 1)))
    members = (random.permutation(np.flatnonzero(targets == label))[:count] for label in labels)
    return np.sort(np.concatenate([np.zeros(0, np.int64), *members]))


def fit_unknown(unknown: Unknown, logits: NDArray[np.floating], targets: NDArray[np.integer]) -> Unknown:
    """Returns the same with limit and scale; as it was without a text that has a label.

    Where there are texts of no label, the limit lets the most texts be answered right, those of no label among them (as
    Larson et al. 2019, "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction"). Else it leaves
    out `unknown.share` of the others.

    Args:
        unknown: What to fit.
        logits: float[N, K], of texts that the model was not trained on.
        targets: int[N], the texts' labels; -1 for those of no label.
    """
    far, outside = unknown.measure(logits).numpy().astype(np.float64), targets < 0
    inside = far[~outside]
    if not len(inside):
        return unknown
    if outside.any():
        right = far[logits.argmax(axis=-1) == targets]
        limit = _parting(np.sort(right), np.sort(far[outside]))
    else:
        limit = float(np.quantile(inside, 1.0 - unknown.share))
    return replace(unknown, limit=limit, scale=float(inside.std()) or 1.0)


def _parting(right: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Returns the limit half way between two neighbours; the highest of several that are equally good."""
    steps = np.unique(np.concatenate([right, outside]))
    limits = np.concatenate([steps[:1] - 1.0, (steps[1:] + steps[:-1]) / 2, steps[-1:] + 1.0])
    worth = np.searchsorted(right, limits) + len(outside) - np.searchsorted(outside, limits)
    return float(limits[np.flatnonzero(worth == worth.max())[-1]])
