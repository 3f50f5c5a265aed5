"""A measure of a model's answers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Measure"]


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        name: Its name, such as "nDCG@10".
        value: 0..1, higher is better; of a regression's errors in the unit of the data, lower is better.
        interval: Its 95 % interval, by a bootstrap over rows or queries.
    """

    name: str
    value: float
    interval: tuple[float, float]
