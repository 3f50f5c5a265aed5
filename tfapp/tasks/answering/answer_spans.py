"""Turns the logits of windows into one span per question, as TensorFlow ops."""

from __future__ import annotations

from typing import Final, NamedTuple

import tensorflow as tf

from tfapp.tasks.answering.windows import AnswerWindows

__all__ = ["MASKED_LOGIT", "BestSpans", "find_spans", "mask_logits"]

# The logit, or the logarithm of a probability, of what cannot be; its sum is a float32 yet.
MASKED_LOGIT: Final = -1e9
# Logarithms of probabilities no further apart are equal, the rest is rounding: so one window's text that stands in the
# next one, too, is always answered from the first.
_EQUAL: Final = 1e-4


class BestSpans(NamedTuple):
    """The best span of each of N questions, whether it is an answer or not.

    Attributes:
        starts: int32[N], code points; -1 where the context has no token.
        ends: int32[N], likewise.
        span_log_probabilities: float32[N], the logarithm of the span's probability in its window.
        no_answer_log_probabilities: float32[N], that of "no answer here" in the window where it is lowest.
        calibrated_span_log_probabilities: float32[N], those of the same spans by the logits divided by the temperature.
        calibrated_no_answer_log_probabilities: float32[N], `no_answer_log_probabilities` likewise.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    span_log_probabilities: tf.Tensor
    no_answer_log_probabilities: tf.Tensor
    calibrated_span_log_probabilities: tf.Tensor
    calibrated_no_answer_log_probabilities: tf.Tensor


def mask_logits(logits: tf.Tensor, windows: AnswerWindows) -> tf.Tensor:
    """Masks the logits of all tokens but those of the window and [CLS], which stands for no answer.

    Args:
        logits: float32[M, T, 2].
        windows: M windows, whose rows have at most T tokens.
    """
    width = tf.shape(logits)[1]
    legal = windows.legal(width) | (tf.range(width) == 0)[None, :]
    return tf.where(legal[:, :, None], logits, MASKED_LOGIT)


def find_spans(logits: tf.Tensor, windows: AnswerWindows, longest: int, temperature: float = 1.0) -> BestSpans:
    """Finds the most probable span of each question over its windows.

    Start and end have a probability each over the window and [CLS] (Devlin et al. 2019); a span's is their product. A
    span begins and ends in the same window, the end not before the start. Of equal spans it is the first.

    Args:
        logits: float32[M, T, 2], of start and end.
        windows: M windows of N questions.
        longest: Longest answer in tokens.
        temperature: Divides the logits for the calibrated probabilities alone: it chooses nothing.
    """
    legal_logits = mask_logits(logits, windows)
    start, end = (tf.nn.log_softmax(legal_logits[:, :, end_index], axis=1) for end_index in (0, 1))
    absence = start[:, 0] + end[:, 0]
    inside = windows.legal(tf.shape(logits)[1])
    start, end = (tf.where(inside, values, MASKED_LOGIT) for values in (start, end))
    first = _first_best(start + _best_ahead(end, longest))
    distance = tf.range(tf.shape(logits)[1])[None, :] - first[:, None]
    ends = tf.where((distance >= 0) & (distance < longest), end, 2 * MASKED_LOGIT)
    last = _first_best(ends)
    chance = tf.gather(start, first, batch_dims=1) + tf.gather(end, last, batch_dims=1)
    warm_start, warm_end = (
        tf.nn.log_softmax(legal_logits[:, :, end_index] / temperature, axis=1) for end_index in (0, 1)
    )
    warm_chance = tf.gather(warm_start, first, batch_dims=1) + tf.gather(warm_end, last, batch_dims=1)
    warm_scores = tf.where(chance > MASKED_LOGIT / 2, warm_chance, MASKED_LOGIT), warm_start[:, 0] + warm_end[:, 0]
    return _best_windows(windows, first, last, (chance, absence), warm_scores)


def _first_best(values: tf.Tensor) -> tf.Tensor:
    """Returns the first position of each row whose value equals the greatest; int32[M]."""
    best = values >= tf.reduce_max(values, axis=1, keepdims=True) - _EQUAL
    return tf.argmax(tf.cast(best, tf.int8), axis=1, output_type=tf.int32)


def _best_ahead(values: tf.Tensor, longest: int) -> tf.Tensor:
    """Returns the greatest of each value and the `longest - 1` after it; float32[M, T]."""
    values_and_padding = tf.pad(values, [[0, 0], [0, longest - 1]], constant_values=2 * MASKED_LOGIT)
    return tf.nn.max_pool1d(values_and_padding[:, :, None], longest, 1, "VALID")[:, :, 0]


def _best_windows(
    windows: AnswerWindows,
    first: tf.Tensor,
    last: tf.Tensor,
    log_probabilities: tuple[tf.Tensor, tf.Tensor],
    warm_scores: tuple[tf.Tensor, tf.Tensor],
) -> BestSpans:
    """Returns the spans of the best windows, from each window's best span and its chance and absence, float32[M]."""
    chance, _ = log_probabilities
    owners, questions = windows.owners, windows.starts.nrows(tf.int32)
    span_log_probabilities = tf.math.unsorted_segment_max(chance, owners, questions)
    numbers = tf.range(tf.size(owners))
    is_best = chance >= tf.gather(span_log_probabilities, owners) - _EQUAL
    # Where the logits are no numbers none is best, and any will do.
    best = tf.math.unsorted_segment_min(tf.where(is_best, numbers, tf.size(owners) - 1), owners, questions)
    # Tokens of all contexts after another, and one more for a context without any.
    shift = tf.gather(windows.firsts - windows.offsets, best) + tf.cast(windows.starts.row_starts(), tf.int32)
    has_span = tf.gather(windows.sizes, best) > 0

    def position_of(token: tf.Tensor, positions: tf.RaggedTensor) -> tf.Tensor:
        number = tf.where(has_span, tf.gather(token, best) + shift, 0)
        return tf.where(has_span, tf.gather(tf.concat([positions.flat_values, [-1]], axis=0), number), -1)

    no_answer_log_probabilities, calibrated_no_answer_log_probabilities = (
        tf.math.unsorted_segment_min(absence, owners, questions) for _, absence in (log_probabilities, warm_scores)
    )
    return BestSpans(
        position_of(first, windows.starts),
        position_of(last, windows.ends),
        span_log_probabilities,
        no_answer_log_probabilities,
        tf.gather(warm_scores[0], best),
        calibrated_no_answer_log_probabilities,
    )
