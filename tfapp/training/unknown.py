"""Where a classifier begins to answer "none of these": the energy that parts dev texts of known labels from others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfapp.models.unknown import Unknown

__all__ = ["fit_unknown"]


def fit_unknown(unknown: Unknown, energies: NDArray[np.floating], outside: NDArray[np.bool_]) -> Unknown:
    """Finds limit and scale.

    Where there are texts of no label, the limit lets the mean of two shares be greatest: of these found, and of the
    others kept. Else it leaves out `unknown.share` of the others.

    Args:
        unknown: What to fit.
        energies: float[N], of texts that the model was not trained on.
        outside: bool[N], which of them belong to no label.

    Returns:
        The same with a limit; as it was without a text that has a label.
    """
    inside = np.sort(energies[~outside].astype(np.float64))
    if not len(inside):
        return unknown
    if outside.any():
        limit = _parting(inside, np.sort(energies[outside].astype(np.float64)))
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
