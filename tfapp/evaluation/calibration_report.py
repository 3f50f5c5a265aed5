"""Reports how well probabilities are calibrated: their error and likelihood, before temperature scaling and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation.metrics import Measure

__all__ = ["CalibrationReport", "Reliability", "expected_calibration_error"]

_BINS: Final = 15
_RESAMPLES: Final = 1000
# Draws times rows that an interval may cost.
_MOST_WORK: Final = 4 * 10**6


class Reliability(NamedTuple):
    """Measures of how far probabilities can be believed on one split.

    Attributes:
        error: The expected calibration error, see `expected_calibration_error`.
        loss: The mean negative log-likelihood of the truth, in nats.
    """

    error: Measure
    loss: float


@dataclass(frozen=True)
class CalibrationReport:
    """A model's temperatures, and their effect on its probabilities on rows that they were not fitted on.

    Attributes:
        temperatures: One for all logits, or one a label; 1 changes nothing.
        rows: The rows, of dev or held out by cross-validation, that they were fitted on; 0 where they were not fitted.
        reason: Why they were not fitted; empty where they were.
        after: Of the model as it answers; None where there are no other rows.
        before: Of temperature 1, where another was fitted.
    """

    temperatures: tuple[float, ...]
    rows: int
    reason: str
    after: Reliability | None = None
    before: Reliability | None = None

    def without_reliability(self) -> Self:
        """Returns the report without figures, for rows that the temperatures were fitted on."""
        return replace(self, after=None, before=None)

    @property
    def temperature(self) -> str:
        """Returns the temperatures in words: "1.43", or "0.91 to 1.32 by label"."""
        low, high = min(self.temperatures), max(self.temperatures)
        return f"{low:.2f}" if len(self.temperatures) == 1 else f"{low:.2f} to {high:.2f} by label"

    @property
    def reliabilities(self) -> list[tuple[str, Reliability]]:
        """Returns the figures with their names, those of temperature 1 first."""
        rows = (("Before (temperature 1)", self.before), ("After" if self.before else "Temperature 1", self.after))
        return [(name, row) for name, row in rows if row]

    def metadata(self) -> dict[str, Any]:
        """Returns the report for an exported version's metadata, as JSON values: numbers rounded to 4 decimals."""
        temperatures: Sequence[float] = [round(value, 4) for value in self.temperatures]
        values: dict[str, Any] = {"temperature": temperatures[0] if len(temperatures) == 1 else temperatures}
        values |= {"held_out_rows": self.rows} if self.rows else {"not_calibrated": self.reason}
        for prefix, row in (("uncalibrated_", self.before), ("", self.after)):
            if row:
                values[f"{prefix}calibration_error"] = round(row.error.value, 4)
                values[f"{prefix}calibration_error_interval"] = [round(end, 4) for end in row.error.interval]
                values[f"{prefix}negative_log_likelihood"] = round(row.loss, 4)
        return values


def expected_calibration_error(confidence: NDArray[Any], correct: NDArray[np.bool_], *, seed: int = 0) -> Measure:
    """Returns the expected calibration error over 15 even bins (Guo et al. 2017), less its bias, with its interval.

    Of few rows the error is over 0 even if the probabilities are right, since each bin's share of right decisions is
    random. A bootstrap over rows shows by how much: what resampling adds is taken off, and the interval is the basic
    one (Davison and Hinkley 1997, section 5.2), as Kumar et al. ("Verified Uncertainty Calibration", 2019) have it.

    Args:
        confidence: float[N, D], the probabilities given to D decisions a row.
        correct: bool[N, D], which were right.
        seed: Of the bootstrap.

    Returns:
        The error, 0..1, at 95 %; 0 and (0, 1) where N is 0.
    """
    count, decisions = confidence.shape
    if not confidence.size:
        return Measure("ECE", 0.0, (0.0, 1.0))
    # What each row adds to each bin: a bin's part of the error is the absolute value of the sum.
    bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    cells = np.arange(count)[:, None] * _BINS + bins
    gaps = np.bincount(cells.ravel(), (correct - confidence).ravel(), count * _BINS).reshape(count, _BINS)

    def error(times: NDArray[Any]) -> float:
        return float(np.abs(times @ gaps).sum() / (count * decisions))

    random = np.random.default_rng(seed)
    draws = int(np.clip(_MOST_WORK // count, 100, _RESAMPLES))
    resamples = (np.bincount(random.integers(0, count, count), minlength=count) for _ in range(draws))
    estimate, errors = error(np.ones(count)), np.array([error(times) for times in resamples])
    high, low = np.quantile(errors, [0.025, 0.975])
    value, *ends = (float(np.clip(2 * estimate - bound, 0.0, 1.0)) for bound in (errors.mean(), low, high))
    return Measure("ECE", value, (ends[0], ends[1]))
