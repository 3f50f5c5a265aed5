"""The CRF against all sequences, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from tfapp.tasks.tagging.bio_constraints import legal_transitions
from tfapp.tasks.tagging.crf import ILLEGAL, Transitions, best_tags, log_likelihood, marginals

TAGS, WIDTH = 3, 4
LENGTHS = np.array([4, 1, 2, 0], np.int32)


def draw(seed: int) -> tuple[np.ndarray, Transitions]:
    random = np.random.default_rng(seed)
    shapes = ((TAGS,), (TAGS, TAGS), (TAGS,))
    scores = random.normal(size=(len(LENGTHS), WIDTH, TAGS)).astype(np.float32)
    return scores, Transitions(*(tf.constant(random.normal(size=shape), tf.float32) for shape in shapes))


def paths(scores: np.ndarray, transitions: Transitions) -> dict[tuple[int, ...], float]:
    """The score of every sequence over one text's words."""
    start, between, end = (part.numpy() for part in transitions)
    path_scores = {}
    for tags in itertools.product(range(TAGS), repeat=len(scores)):
        tag_scores = sum(scores[word, tag] for word, tag in enumerate(tags))
        steps = sum(between[tag, next_tag] for tag, next_tag in itertools.pairwise(tags))
        path_scores[tags] = tag_scores + steps + start[tags[0]] + end[tags[-1]]
    return path_scores


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_all_sequences(seed: int) -> None:
    scores, transitions = draw(seed)
    true_tags = np.random.default_rng(seed).integers(0, TAGS, scores.shape[:2]).astype(np.int32)
    best = best_tags(tf.constant(scores), tf.constant(LENGTHS), transitions).numpy()
    chances = marginals(tf.constant(scores), tf.constant(LENGTHS), transitions).numpy()
    likely = log_likelihood(tf.constant(scores), tf.constant(true_tags), tf.constant(LENGTHS), transitions).numpy()
    assert likely[3] == 0
    for row, length in enumerate(LENGTHS[:3]):
        path_scores = paths(scores[row, :length], transitions)
        total = logsumexp(list(path_scores.values()))
        assert tuple(best[row, :length]) == max(path_scores, key=lambda tags: path_scores[tags])
        np.testing.assert_allclose(likely[row], path_scores[tuple(true_tags[row, :length])] - total, atol=1e-5)
        expected = np.zeros((length, TAGS))
        for tags, score in path_scores.items():
            expected[range(length), tags] += np.exp(score - total)
        np.testing.assert_allclose(chances[row, :length], expected, atol=1e-5)


def test_thousands_of_words_lose_no_digits() -> None:
    _, transitions = draw(3)
    scores = 9 * np.random.default_rng(3).normal(size=(1, 3000, TAGS)).astype(np.float32) - 40
    lengths = tf.constant([scores.shape[1]])
    exact = marginals(
        tf.constant(scores.astype(np.float64)),
        lengths,
        Transitions(*(tf.cast(matrix, tf.float64) for matrix in transitions)),
    )
    np.testing.assert_allclose(marginals(tf.constant(scores), lengths, transitions), exact, atol=1e-5)


def test_what_is_behind_a_text_s_words_is_not_read() -> None:
    scores, transitions = draw(9)
    lengths = tf.constant(LENGTHS)
    noisy = np.where(tf.sequence_mask(lengths, WIDTH)[:, :, None], scores, 1e3).astype(np.float32)
    for function in (best_tags, marginals):
        values, expected = (function(tf.constant(values), lengths, transitions).numpy() for values in (scores, noisy))
        for row, length in enumerate(LENGTHS):
            np.testing.assert_array_equal(values[row, :length], expected[row, :length])


def test_its_gradient_is_that_of_the_numbers() -> None:
    scores, transitions = draw(5)
    tags = tf.zeros(scores.shape[:2], tf.int32)

    def total(between: np.ndarray) -> tf.Tensor:
        weights = transitions._replace(between=tf.convert_to_tensor(between))
        return tf.reduce_sum(log_likelihood(tf.constant(scores), tags, tf.constant(LENGTHS), weights))

    between = transitions.between.numpy()
    with tf.GradientTape() as tape:
        variable = tf.Variable(between)
        value = total(variable)
    step = np.zeros_like(between)
    step[0, 1] = 1e-2
    slope = (float(total(between + step)) - float(total(between - step))) / 2e-2
    assert tape.gradient(value, variable).numpy()[0, 1] == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("shape", [(0, 0), (2, 0), (0, 3)])
def test_nothing_is_no_problem(shape: tuple[int, int]) -> None:
    _, transitions = draw(0)
    scores, lengths = tf.zeros([*shape, TAGS]), tf.zeros(shape[:1], tf.int32)
    assert best_tags(scores, lengths, transitions).shape == shape
    assert marginals(scores, lengths, transitions).shape == (*shape, TAGS)
    assert log_likelihood(scores, tf.zeros(shape, tf.int32), lengths, transitions).numpy().tolist() == [0.0] * shape[0]


def test_inside_follows_its_own_type_only() -> None:
    start, between, _ = (part.numpy() for part in legal_transitions(2))
    legal = {(a, b) for a in range(5) for b in range(5) if between[a, b] != ILLEGAL}
    anywhere = {(a, b) for a in range(5) for b in (0, 1, 3)}
    assert legal == anywhere | {(1, 2), (2, 2), (3, 4), (4, 4)}
    assert start.tolist() == [0, 0, ILLEGAL, 0, ILLEGAL]
