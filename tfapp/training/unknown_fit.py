"""Fits a trained classifier's answer "none of these": how it measures that no label fits, and from what limit on.

The method is the user's, or chosen by a rule or by the examples of such texts in dev; the limit is where so few known
texts of dev are as far out or farther.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation.paired_tests import LEVEL, mcnemar
from tfapp.models import TaskModel
from tfapp.models.adaptive_boundaries import learn_boundaries
from tfapp.models.unknown import Unknown
from tfapp.training.steps import make_predictor, predict_logits
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = [
    "UnknownMethod",
    "calibrate_unknown",
    "choose_method",
    "choose_references",
    "fit_unknown",
    "refer",
    "share_limit",
]

UnknownMethod: TypeAlias = Literal["guidance", "boundary", "distance", "energy"]

# Of Banking77 it was the best on intents held out of train, and on those of test: benchmarks/unknown_intents.py.
_RULE: Final[UnknownMethod] = "guidance"
_OTHERS: Final[tuple[UnknownMethod, ...]] = ("boundary", "distance", "energy")
# Of Banking77, all texts of a label, up to 140, gave half a point to a point and a half of F1 more than 64 did.
_PER_LABEL: Final = 128
# So many numbers of float32 are 4 MB of the served model.
_NUMBERS: Final = 2**20
# With very many labels there are as many texts nevertheless.
_FEWEST: Final = 4096
# A finer one shows the rounding errors of float32 in the score.
_FINEST_SCALE: Final = 1e-3


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


def choose_method(
    unknown: Unknown,
    references: NDArray[np.floating],
    reference_targets: NDArray[np.integer],
    dev: NDArray[np.floating],
    dev_targets: NDArray[np.integer],
) -> Unknown:
    """Returns the rule with the chosen method, its references, its limit, and the reason.

    Each method may refuse the same share of known texts, so they differ in how many of the others they find. The rule's
    method stays unless another one finds more of dev's, by the exact test of McNemar for the three comparisons together
    (Bonferroni): few examples do not change it.

    Args:
        unknown: What to fit; its own method does not count.
        references: float32[M, K], logits of texts of train that stand for their labels.
        reference_targets: int[M], their labels.
        dev: float32[N, K], logits of dev.
        dev_targets: int[N], their labels; -1 for those of no label.
    """

    def fit(method: UnknownMethod) -> Unknown:
        rule = refer(replace(unknown, by=method), references, reference_targets)
        return fit_unknown(rule, dev, dev_targets)

    examples = dev[dev_targets < 0]
    fits = {_RULE: fit(_RULE)}
    if fits[_RULE].limit is None:
        return replace(fits[_RULE], reason="dev has no texts of known labels to fit a limit to, so the rule chose")
    if not len(examples):
        return replace(fits[_RULE], reason="dev has no examples of unknown texts, so the rule chose")
    fits |= {method: fit(method) for method in _OTHERS}
    missed_rows = {
        method: set(np.flatnonzero(fit_of_method.scores(examples).numpy() < 0.5).tolist())
        for method, fit_of_method in fits.items()
    }
    best = min(fits, key=lambda method: len(missed_rows[method]))
    test = mcnemar(missed_rows[best], missed_rows[_RULE], len(examples))
    is_better = test.p_value < LEVEL / len(_OTHERS)
    counts = ", ".join(f"{method} {len(examples) - len(rows)}" for method, rows in missed_rows.items())
    why = f"{best} finds significantly more" if is_better else "the rule chose, for none finds significantly more"
    reason = f"found of dev's {len(examples)} unknown texts: {counts}; {why}"
    return replace(fits[best if is_better else _RULE], reason=reason)


def refer(unknown: Unknown, logits: NDArray[np.floating], targets: NDArray[np.integer]) -> Unknown:
    """Returns the rule with the references or boundaries that it measures by.

    Args:
        unknown: Says how far is measured.
        logits: float32[M, K], of texts of train that stand for their labels.
        targets: int[M], their labels.
    """
    if unknown.by == "energy":
        return replace(unknown, references=None)
    if unknown.by == "boundary":
        centroids, radii = learn_boundaries(logits, targets)
        return replace(unknown, references=centroids, radii=radii)
    return replace(unknown, references=logits)


def fit_unknown(unknown: Unknown, logits: NDArray[np.floating], targets: NDArray[np.integer]) -> Unknown:
    """Returns the rule with limit and scale, and its counts on dev; unchanged where no text of dev has a label.

    Args:
        unknown: What to fit.
        logits: float[N, K], of dev, which the model was not trained on.
        targets: int[N], the texts' labels; -1 for those of no label, which do not move the limit.
    """
    distances = unknown.novelty(logits).numpy().astype(np.float64)[targets >= 0]
    if not len(distances):
        return unknown
    scale = max(float(distances.std()), _FINEST_SCALE * unknown.magnitude(logits)) or 1.0
    limit = share_limit(distances, unknown.share)
    return replace(unknown, limit=limit, scale=scale, known=len(distances), refused=int(np.sum(distances >= limit)))


def share_limit(distances: NDArray[np.float64], share: float) -> float:
    """Returns the limit from which on known texts are refused, so that no more than a share of further ones is.

    With the n distances in order, x(1) to x(n), the limit lies above x(r), r = ceil((1 - share) (n + 1)), half way to
    the next distance: a further text of the same distribution lies above x(r) with a probability of at most the share
    (split conformal prediction, Vovk, Gammerman and Shafer 2005; Lei et al. 2018). That needs n + 1 >= 1 / share; with
    fewer the limit lies just above x(n).

    Args:
        distances: float64[N], N of 1 or more: how far known texts are that the model was not trained on.
        share: Of known texts, those that may be refused.
    """
    order = np.sort(distances)
    # Rounded, for 0.95 * 20 may be more than 19 in floating point.
    rank = min(math.ceil(round((1.0 - share) * (len(order) + 1), 9)), len(order))
    highest = order[rank - 1]
    above = order[order > highest]
    if len(above):
        return float((highest + above[0]) / 2)
    return float(highest + max(1e-3 * order.std(), 1e-6 * abs(highest), 1e-9))
