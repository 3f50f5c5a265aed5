"""Enables a trained classifier to answer "none of these"."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.models import TaskModel
from tfapp.training.steps import make_predictor, predict_logits
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.unknown_limit import fit_unknown
from tfapp.training.unknown_method import choose_method, refer

__all__ = ["calibrate_unknown", "choose_references"]

# Of Banking77, all texts of a label, up to 140, gave half a point to a point and a half of F1 more than 64 did.
_PER_LABEL: Final = 128
# So many numbers of float32 are 4 MB of the served model.
_NUMBERS: Final = 2**20
# With very many labels there are as many texts nevertheless.
_FEWEST: Final = 4096


def calibrate_unknown(model: TaskModel, train_split: TokenizedSplit, dev_split: TokenizedSplit) -> bool:
    """Sets the references and the limit of a trained classifier that can answer "none of these".

    Where it may choose how to measure, it does; see `choose_method`.

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
    targets = train_split.targets[rows], dev_split.targets
    if unknown.by == "auto":
        model.unknown = choose_method(unknown, references, targets[0], dev, targets[1])
    else:
        model.unknown = fit_unknown(refer(unknown, references, targets[0]), dev, targets[1])
    return True


def choose_references(targets: NDArray[np.integer]) -> NDArray[np.int64]:
    """Returns the numbers of texts that stand for their labels, equally many of each label where there are enough.

    Texts of no label (-1) are not chosen.
    """
    random = np.random.default_rng(0)
    labels = np.unique(targets[targets >= 0])
    max_texts = max(_FEWEST, _NUMBERS // max(len(labels), 1))
    count = max(1, min(_PER_LABEL, max_texts // max(len(labels), 1)))
    members = (random.permutation(np.flatnonzero(targets == label))[:count] for label in labels)
    return np.sort(np.concatenate([np.zeros(0, np.int64), *members]))
