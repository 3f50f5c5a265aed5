"""Where a classifier begins to answer "none of these": what parts dev texts of known labels from others."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.data.batches import TokenizedTexts
from tfapp.models import TaskModel
from tfapp.models.unknown import Unknown
from tfapp.training.sides import Side
from tfapp.training.steps import make_predictor, predict_logits

__all__ = ["choose_references", "fit_unknown", "settle_unknown"]

# Of Banking77's 58 known intents 64 texts each find as many of the others as all texts do.
_PER_LABEL: Final = 64
_MOST: Final = 4096


def settle_unknown(model: TaskModel, train_side: Side, dev_side: Side) -> bool:
    """Gives a trained classifier that measures distances what it measures them to, and its limit.

    Args:
        model: With its best weights.
        train_side: Of its texts some are measured to.
        dev_side: Where the limit shows.

    Returns:
        Whether the model measures distances.
    """
    unknown = model.unknown
    if unknown is None or unknown.by != "distance":
        return False
    chosen = choose_references(train_side.targets)
    references = _logits(model, train_side.texts.take(chosen), train_side.targets[chosen])
    unknown = replace(unknown, references=references)
    far = unknown.measure(_logits(model, dev_side.texts, dev_side.targets)).numpy()
    model.unknown = fit_unknown(unknown, far, dev_side.targets < 0)
    return True


def choose_references(targets: NDArray[np.integer]) -> NDArray[np.int64]:
    """Numbers of texts that stand for their labels, the same number of each label where there are enough.

    Args:
        targets: int[N], -1 for texts of no label, which are not chosen.
    """
    random = np.random.default_rng(0)
    labels = np.unique(targets[targets >= 0])
    count = max(1, min(_PER_LABEL, _MOST // max(len(labels), 1)))
    members = (random.permutation(np.flatnonzero(targets == label))[:count] for label in labels)
    return np.sort(np.concatenate([np.zeros(0, np.int64), *members]))


def _logits(model: TaskModel, texts: TokenizedTexts, targets: NDArray[np.integer]) -> NDArray[np.float32]:
    return predict_logits(make_predictor(model, targets), texts, targets)


def fit_unknown(unknown: Unknown, far: NDArray[np.floating], outside: NDArray[np.bool_]) -> Unknown:
    """Finds limit and scale.

    Where there are texts of no label, the limit lets the mean of two shares be greatest: of these found, and of the
    others kept. Else it leaves out `unknown.share` of the others.

    Args:
        unknown: What to fit.
        far: float[N], how far from what is known, of texts that the model was not trained on.
        outside: bool[N], which of them belong to no label.

    Returns:
        The same with a limit; as it was without a text that has a label.
    """
    inside = np.sort(far[~outside].astype(np.float64))
    if not len(inside):
        return unknown
    if outside.any():
        limit = _parting(inside, np.sort(far[outside].astype(np.float64)))
    else:
        limit = float(np.quantile(inside, 1.0 - unknown.share))
    return replace(unknown, limit=limit, scale=float(inside.std()) or 1.0)


def _parting(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Half way between two neighbours; the highest of several that are equally good."""
    steps = np.unique(np.concatenate([inside, outside]))
    limits = np.concatenate([steps[:1] - 1.0, (steps[1:] + steps[:-1]) / 2, steps[-1:] + 1.0])
    kept = np.searchsorted(inside, limits) / len(inside)
    found = 1.0 - np.searchsorted(outside, limits) / len(outside)
    worth = kept + found
    return float(limits[np.flatnonzero(np.isclose(worth, worth.max(), rtol=0, atol=1e-12))[-1]])
