"""The best span of a question over its windows, against every span tried by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toy import VOCABULARY
from tfapp.models import Preprocessor
from tfapp.tasks.answering.answer_spans import find_spans
from tfapp.tasks.answering.windows import AnswerWindows, split_contexts

SHORT = Preprocessor(VOCABULARY, lowercase=True, max_length=9)


def best_by_hand(
    logits: np.ndarray, windows: AnswerWindows, longest: int, temperature: float
) -> list[tuple[int, int, float, float, float, float]]:
    """Tries every span; what is better by rounding only is not."""
    rows = []
    columns = [values.numpy() for values in windows[:4]]
    for question in range(int(windows.starts.nrows())):
        best, absence, warm_chance, warm_absence = (-1, -1, -np.inf), np.inf, -np.inf, np.inf
        for row, (owner, offset, first, size) in enumerate(zip(*columns, strict=True)):
            if owner != question:
                continue
            legal = [0, *range(offset, offset + size)]
            start, end = (logits[row, legal, side] - np.logaddexp.reduce(logits[row, legal, side]) for side in (0, 1))
            warm = [logits[row, legal, side] / temperature for side in (0, 1)]
            warm_start, warm_end = (values - np.logaddexp.reduce(values) for values in warm)
            absence = min(absence, start[0] + end[0])
            warm_absence = min(warm_absence, warm_start[0] + warm_end[0])
            for i, j in itertools.product(range(size), repeat=2):
                if i <= j < i + longest and start[1 + i] + end[1 + j] > best[2] + 1e-4:
                    best = (first + i, first + j, start[1 + i] + end[1 + j])
                    warm_chance = warm_start[1 + i] + warm_end[1 + j]
        starts, ends = (values[question].numpy() for values in (windows.starts, windows.ends))
        places = (-1, -1) if best[0] < 0 else (starts[best[0]], ends[best[1]])
        rows.append((*places, best[2], absence, warm_chance, warm_absence))
    return rows


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(0, 10**6),
    st.sampled_from([0.3, 1.0, 4.0]),
)
def test_the_best_span_is_the_best_of_all(lengths: list[int], longest: int, seed: int, temperature: float) -> None:
    contexts = tf.constant(["a " * length for length in lengths])
    split = split_contexts(
        SHORT,
        tf.constant(["ball"] * len(lengths)),
        contexts,
        stride=None,
        max_windows=3,
    )
    width = int(split.ids.bounding_shape(axis=1))
    logits = np.random.default_rng(seed).normal(size=(int(split.ids.nrows()), width, 2), scale=3).astype(np.float32)
    spans = find_spans(tf.constant(logits), split.windows, longest, temperature)
    by_hand = best_by_hand(logits, split.windows, longest, temperature)
    for row, (start, end, chance, absence, warm_chance, warm_absence) in enumerate(by_hand):
        assert (spans.starts[row], spans.ends[row]) == (start, end)
        assert spans.no_answer_log_probabilities[row].numpy() == pytest.approx(absence, abs=1e-4)
        assert spans.calibrated_no_answer_log_probabilities[row].numpy() == pytest.approx(warm_absence, abs=1e-4)
        assert start == -1 or spans.span_log_probabilities[row].numpy() == pytest.approx(chance, abs=1e-4)
        assert start == -1 or spans.calibrated_span_log_probabilities[row].numpy() == pytest.approx(
            warm_chance, abs=1e-4
        )


def test_of_windows_that_say_the_same_the_first_answers_whatever_the_rounding() -> None:
    split = split_contexts(SHORT, tf.constant(["ball"]), tf.constant(["a " * 12]), stride=2, max_windows=3)
    logits = np.zeros((3, int(split.ids.bounding_shape(axis=1)), 2), np.float32)
    logits[:, 4] = 5.0
    places = []
    for rounding in ([0, 0, 0], [0, 2e-5, 1e-5], [2e-5, 0, 3e-5], [0, 0.01, 0]):
        spans = find_spans(tf.constant(logits + np.float32(rounding)[:, None, None] * (logits > 0)), split.windows, 3)
        places.append((int(spans.starts[0]), int(spans.ends[0])))
    # The last is no rounding: its window begins two words later.
    assert places == [(2, 3), (2, 3), (2, 3), (6, 7)]
