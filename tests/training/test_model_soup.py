from __future__ import annotations

import numpy as np
import pytest

from tfapp.training.model_soup import SoupMethod, Weights, make_soup

TARGET = np.array([1.0, 2.0])
PARTS = [[TARGET + change] for change in ([0.3, 0.0], [0.1, 0.2], [-0.1, -0.2], [-9.0, 9.0], [0.1, 0.2])]


def score(weights: Weights) -> float:
    """Returns a score that is highest where the weights are the target."""
    return -float(np.abs(weights[0] - TARGET).sum())


def paper_recipe() -> tuple[list[int], np.ndarray]:
    """Follows recipe 1 of the paper, word for word."""
    order = sorted(range(len(PARTS)), key=lambda number: -score(PARTS[number]))
    ingredients: list[int] = []
    for number in order:
        candidates = [*ingredients, number]
        mean = np.mean([PARTS[candidate][0] for candidate in candidates], axis=0)
        if not ingredients or score([mean]) >= score(
            [np.mean([PARTS[ingredient][0] for ingredient in ingredients], axis=0)]
        ):
            ingredients = candidates
    return ingredients, np.mean([PARTS[ingredient][0] for ingredient in ingredients], axis=0)


def test_a_greedy_soup_is_that_of_the_paper() -> None:
    members, mean = paper_recipe()
    soup = make_soup("greedy", len(PARTS), PARTS.__getitem__, score)
    assert list(soup.members) == members
    # One that is far off stays out, and so does one that is as good as the best but spoils the mean.
    assert {3, 4}.isdisjoint(members)
    assert len(members) > 1
    np.testing.assert_allclose(soup.weights[0], mean)
    assert soup.value == pytest.approx(score([mean]))
    assert soup.value >= max(soup.values)


def test_a_uniform_soup_has_everything() -> None:
    soup = make_soup("uniform", len(PARTS), PARTS.__getitem__, score)
    assert soup.members == (0, 1, 2, 3, 4)
    np.testing.assert_allclose(soup.weights[0], np.mean([part[0] for part in PARTS], axis=0))
    assert soup.values == tuple(map(score, PARTS))


@pytest.mark.parametrize("method", ["greedy", "uniform"])
def test_equals_are_their_own_mean(method: SoupMethod) -> None:
    weights = [np.float32([[0.1, 0.7]]), np.float32([3.3])]
    soup = make_soup(method, 3, lambda _: weights, lambda _: 1.0)
    assert soup.members == (0, 1, 2)
    for mean, array in zip(soup.weights, weights, strict=True):
        np.testing.assert_allclose(mean, array, rtol=1e-7)
