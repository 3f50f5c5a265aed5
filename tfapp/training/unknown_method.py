"""Chooses how a classifier measures that no label fits: by a rule, or by the examples of such texts in dev."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation.paired_tests import LEVEL, mcnemar
from tfapp.models.adaptive_boundaries import learn_boundaries
from tfapp.models.unknown import Unknown
from tfapp.training.unknown_limit import fit_unknown

__all__ = ["UnknownMethod", "choose_method", "refer"]

UnknownMethod: TypeAlias = Literal["guidance", "boundary", "distance", "energy"]

# Of Banking77 it was the best on intents held out of train, and on those of test: benchmarks/unknown_intents.py.
_RULE: Final[UnknownMethod] = "guidance"
_OTHERS: Final[tuple[UnknownMethod, ...]] = ("boundary", "distance", "energy")


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
