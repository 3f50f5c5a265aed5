"""Computes how improbable a share is, given its history: the tail of a beta-binomial distribution.

The windows' shares are taken to vary around their mean by more than chance, as they do in most streams. How much more
is estimated by moments (Williams, Extra-binomial variation in logistic linear models, Applied Statistics 31, 1982), and
the count to come then has a beta-binomial distribution whose spread holds both that and the uncertainty of the mean.
Comparing the present with a trailing history of counts is as in the surveillance of epidemics (Farrington et al., A
statistical algorithm for the early detection of outbreaks of infectious disease, JRSS A 159, 1996), the guard band
before it as in EARS C2 (Hutwagner et al., The bioterrorism preparedness and response EARS, J. Urban Health 80, 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Exceedance", "exceedance"]


class Exceedance(NamedTuple):
    """The expected share, and the probability of at least the observed count under it."""

    expected: float
    p_value: float


def exceedance(recent: Sequence[tuple[int, int]], history: Sequence[tuple[int, int]]) -> Exceedance:
    """Compares the last windows together with those before.

    Args:
        recent: The last windows, each as (texts, negatives); at least one text in all.
        history: Windows that say what is usual; at least one text in each.

    Returns:
        Exact for any number of texts. With a history of the same share in all windows, it is what Jeffreys' prior and
        the history's counts say.
    """
    from scipy.stats import betabinom

    past, now = (np.asarray(windows, dtype=float) for windows in (history, recent))
    total, now_total = past[:, 0].sum(), now[:, 0].sum()
    mean = (past[:, 1].sum() + 0.5) / (total + 1)
    extra = _correlation(past)
    # Both in units of mean * (1 - mean): how sure the mean is, and how far the windows to come may lie from it.
    of_mean = (past[:, 0] * (1 + (past[:, 0] - 1) * extra)).sum() / total / (total + 2)
    of_windows = extra * (now[:, 0] ** 2).sum() / now_total**2
    size = 1 / min(of_mean + of_windows, 0.999) - 1
    count = now[:, 1].sum()
    tail = betabinom.sf(count - 1, now_total, mean * size, (1 - mean) * size)
    return Exceedance(float(mean), float(min(1.0, tail)))


def _correlation(windows: np.ndarray) -> float:
    """Returns the correlation of texts within a window, from 0; takes [windows, 2] of texts and negatives."""
    texts, negatives = windows[:, 0], windows[:, 1]
    mean, number = negatives.sum() / texts.sum(), len(windows)
    more = (texts - 1).sum()
    if number < 2 or more == 0 or mean in (0.0, 1.0):
        return 0.0
    pearson = ((negatives - texts * mean) ** 2 / (texts * mean * (1 - mean))).sum()
    return float(np.clip((pearson * number / (number - 1) - number) / more, 0.0, 0.9))
