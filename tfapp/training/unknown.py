"""Fits where a classifier begins to answer "none of these": so few known texts of dev are as far out or farther."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.models import TaskModel
from tfapp.models.adaptive_boundaries import learn_boundaries
from tfapp.models.unknown import Unknown
from tfapp.training.steps import make_predictor, predict_logits
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["calibrate_unknown", "choose_references", "fit_unknown", "refer", "share_limit"]

# Of Banking77's 58 known intents 64 texts each find as many of the others as all texts do.
_PER_LABEL: Final = 64
_MOST: Final = 4096
# A finer one shows the rounding errors of float32 in the score.
_FINEST_SCALE: Final = 1e-3


def calibrate_unknown(model: TaskModel, train_split: TokenizedSplit, dev_split: TokenizedSplit) -> bool:
    """Gives a trained classifier that measures distances, or by boundaries, what it measures by, and its limit.

    Args:
        model: With its best weights.
        train_split: Of its texts some are measured to, or make the boundaries.
        dev_split: Where the limit shows.

    Returns:
        Whether the model measures so.
    """
    unknown = model.unknown
    if unknown is None or unknown.by == "energy":
        return False
    rows = choose_references(train_split.targets)
    predictor = make_predictor(model, dev_split.targets)
    references = predict_logits(predictor, train_split.texts.take(rows), train_split.targets[rows])
    dev = predict_logits(predictor, dev_split.texts, dev_split.targets)
    model.unknown = fit_unknown(refer(unknown, references, train_split.targets[rows]), dev, dev_split.targets)
    return True


def refer(unknown: Unknown, logits: NDArray[np.floating], targets: NDArray[np.integer]) -> Unknown:
    """Returns the same with what it measures by.

    Args:
        unknown: Says how far is measured.
        logits: float32[M, K], of texts of train that stand for their labels.
        targets: int[M], their labels.
    """
    if unknown.by == "energy":
        return unknown
    if unknown.by == "boundary":
        centroids, radii = learn_boundaries(logits, targets)
        return replace(unknown, references=centroids, radii=radii)
    return replace(unknown, references=logits)


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

    Args:
        unknown: What to fit.
        logits: float[N, K], of texts that the model was not trained on.
        targets: int[N], the texts' labels; -1 for those of no label, which do not move the limit.
    """
    far = unknown.measure(logits).numpy().astype(np.float64)[targets >= 0]
    if not len(far):
        return unknown
    scale = max(float(far.std()), _FINEST_SCALE * unknown.magnitude(logits)) or 1.0
    return replace(unknown, limit=share_limit(far, unknown.share), scale=scale)


def share_limit(far: NDArray[np.float64], share: float) -> float:
    """Returns the limit from which on known texts are refused, so that no more than a share of further ones is.

    With the n distances in order, x(1) to x(n), the limit lies above x(r), r = ceil((1 - share) (n + 1)), half way to
    the next distance: a further text of the same distribution lies above x(r) with a probability of at most the share
    (split conformal prediction, Vovk, Gammerman and Shafer 2005; Lei et al. 2018). That needs n + 1 >= 1 / share; with
    fewer the limit lies just above x(n).

    Args:
        far: float64[N], N of 1 or more: how far known texts are that the model was not trained on.
        share: Of known texts, those that may be refused.
    """
    order = np.sort(far)
    # Rounded, for 0.95 * 20 may be more than 19 in floating point.
    rank = min(math.ceil(round((1.0 - share) * (len(order) + 1), 9)), len(order))
    highest = order[rank - 1]
    above = order[order > highest]
    if len(above):
        return float((highest + above[0]) / 2)
    return float(highest + max(1e-3 * order.std(), 1e-6 * abs(highest), 1e-9))
