"""Model soups (Wortsman et al. 2022): one network whose weights are the mean of those of several fine-tunings.

Fine-tunings that begin at the same pretrained weights often end in one basin of the loss, so that the mean of their
weights

    theta_S = 1 / |S| * sum of theta_i over the members i in S

is a good network, too, and costs what one costs. The uniform soup has every fine-tuning as a member. The greedy soup
(the paper's recipe 1) goes through them from the best on held-out rows to the worst, and takes one in if

    score(theta_{S and i}) >= score(theta_S),

so that on these rows it is never worse than the best of them. The paper averages runs with other settings, seeds and
orders of the data; their epochs are averaged in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ModelSoup", "SoupMethod", "Weights", "make_soup"]

Weights: TypeAlias = Sequence[NDArray[Any]]
"""The arrays of a network, always in the same order."""
SoupMethod: TypeAlias = Literal["greedy", "uniform"]


@dataclass(frozen=True)
class ModelSoup:
    """The mean of the weights of some of several fine-tunings.

    Attributes:
        weights: The mean.
        members: The numbers of those that it is the mean of, in the order in which they came in.
        value: Its score, higher is better.
        values: The scores of all fine-tunings, each by itself.
    """

    weights: Weights
    members: tuple[int, ...]
    value: float
    values: tuple[float, ...]


def make_soup(
    method: SoupMethod, count: int, load: Callable[[int], Weights], score: Callable[[Weights], float]
) -> ModelSoup:
    """Averages the weights of fine-tunings, two of which are held at a time.

    Args:
        method: "uniform" for the mean of all, "greedy" for that of those which do not lower the score.
        count: How many fine-tunings there are.
        load: Returns the weights of one of them, by its number from 0.
        score: Evaluates weights on held-out rows; higher is better.
    """
    values = tuple(score(load(number)) for number in range(count))
    if method == "uniform":
        weights = load(0)
        for number in range(1, count):
            weights = _with_one_more(weights, number, load(number))
        return ModelSoup(weights, tuple(range(count)), score(weights), values)
    # Of equal ones the earlier is first.
    order = sorted(range(count), key=lambda number: -values[number])
    soup = ModelSoup(load(order[0]), (order[0],), values[order[0]], values)
    for number in order[1:]:
        weights = _with_one_more(soup.weights, len(soup.members), load(number))
        value = score(weights)
        if value >= soup.value:
            soup = ModelSoup(weights, (*soup.members, number), value, values)
    return soup


def _with_one_more(mean: Weights, count: int, weights: Weights) -> Weights:
    """Returns the mean of `count` sets of weights and one more, in float64, so that the order does not matter."""
    pairs = zip(mean, weights, strict=True)
    return [before + (np.asarray(array, np.float64) - before) / (count + 1) for before, array in pairs]
