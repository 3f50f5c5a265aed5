"""Fits where a classifier begins to answer "none of these": so few known texts of dev are as far out or farther."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.models.unknown import Unknown

__all__ = ["fit_unknown", "share_limit"]

# A finer one shows the rounding errors of float32 in the score.
_FINEST_SCALE: Final = 1e-3


def fit_unknown(unknown: Unknown, logits: NDArray[np.floating], targets: NDArray[np.integer]) -> Unknown:
    """Returns the rule with limit and scale, and its counts on dev; unchanged where no text of dev has a label.

    Args:
        unknown: What to fit.
        logits: float[N, K], of dev, which the model was not trained on.
        targets: int[N], the texts' labels; -1 for those of no label, which do not move the limit.
    """
    far = unknown.novelty(logits).numpy().astype(np.float64)[targets >= 0]
    if not len(far):
        return unknown
    scale = max(float(far.std()), _FINEST_SCALE * unknown.magnitude(logits)) or 1.0
    limit = share_limit(far, unknown.share)
    return replace(unknown, limit=limit, scale=scale, known=len(far), refused=int(np.sum(far >= limit)))


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
