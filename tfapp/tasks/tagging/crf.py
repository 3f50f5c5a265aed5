"""A linear-chain conditional random field over the tags of words (Lafferty et al. 2001), as TensorFlow ops.

The scores of a sequence are its words' own and those of its transitions. With fixed transitions, 0 where legal and very
low elsewhere, the best sequence is what constrained decoding asks for.

Shapes: N texts, W words, K tags; `lengths` int32[N] counts the words of each text, what is behind them is not read.
What goes word by word is compiled, for callers outside a graph, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import keras
import tensorflow as tf

__all__ = ["ILLEGAL", "LearntTransitions", "Transitions", "best_tags", "log_likelihood", "marginals"]

# Far under any score, and finite: differences of it are still numbers.
ILLEGAL: Final = -1e4


class Transitions(NamedTuple):
    """Scores of tags beside each other.

    Attributes:
        start: float32[K], of a text's first tag.
        between: float32[K, K], of a tag (row) before another (column).
        end: float32[K], of a text's last tag.
    """

    start: tf.Tensor
    between: tf.Tensor
    end: tf.Tensor


class LearntTransitions(keras.layers.Layer):
    """Holds scores of neighbouring tags, all 0 at first, and passes the words' own scores on.

    The network keeps them with its other weights; the loss and the decoding read them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the weights: the scores of K tags at the start, beside each other, and at the end."""
        tags = int(shape[-1] or 0)
        self.start = self.add_weight(name="start", shape=(tags,), initializer="zeros")
        self.between = self.add_weight(name="between", shape=(tags, tags), initializer="zeros")
        self.end = self.add_weight(name="end", shape=(tags,), initializer="zeros")

    def call(self, scores: Any) -> Any:
        """Returns the words' own scores, float32[N, T, K], unchanged."""
        return scores

    def constrain(self, legal: Transitions) -> Transitions:
        """Returns the learnt scores added to the constraints `legal`."""
        scores = (self.start.value, self.between.value, self.end.value)
        return Transitions(*(constraint + score for constraint, score in zip(legal, scores, strict=True)))


@tf.function(autograph=False, reduce_retracing=True)
def best_tags(scores: tf.Tensor, lengths: tf.Tensor, transitions: Transitions) -> tf.Tensor:
    """Finds the best sequence of each text (Viterbi 1967).

    Args:
        scores: float32[N, W, K].
        lengths: int32[N].
        transitions: Scores of neighbours.

    Returns:
        int32[N, W].
    """
    width = tf.shape(scores)[1]
    scores, is_token = _pad_scores(scores, lengths)
    states = _forward(scores, is_token, transitions, tf.reduce_max)
    last = tf.argmax(states[-1] + transitions.end, axis=-1, output_type=tf.int32)
    columns = tf.transpose(transitions.between)

    def step(after: tf.Tensor, now: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        before, follows = now
        tag = tf.argmax(before + tf.gather(columns, after), axis=-1, output_type=tf.int32)
        return tf.where(follows, tag, after)

    tags = tf.scan(step, (states[:-1], is_token[1:]), initializer=last, reverse=True)
    return tf.transpose(tags)[:, :width]


@tf.function(autograph=False, reduce_retracing=True)
def marginals(scores: tf.Tensor, lengths: tf.Tensor, transitions: Transitions) -> tf.Tensor:
    """Returns the probability of each tag of each word, over all sequences (Rabiner 1989, forward-backward).

    Args:
        scores: float32[N, W, K].
        lengths: int32[N].
        transitions: Scores of neighbours.

    Returns:
        float32[N, W, K].
    """
    width = tf.shape(scores)[1]
    scores, is_token = _pad_scores(scores, lengths)
    # Sums over thousands of words would leave float32 few digits; each word's chances need only differences.
    before = _forward(
        scores, is_token, transitions, lambda path_scores, axis: _centre(tf.reduce_logsumexp(path_scores, axis))
    )
    end = tf.zeros_like(scores[0]) + transitions.end

    def step(after: tf.Tensor, now: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        next_scores, follows = now
        path_scores = transitions.between + (next_scores + after)[:, tf.newaxis, :]
        return tf.where(follows[:, tf.newaxis], _centre(tf.reduce_logsumexp(path_scores, axis=-1)), after)

    backward = tf.scan(step, (scores[1:], is_token[1:]), initializer=end, reverse=True)
    return tf.transpose(tf.nn.softmax(before[:-1] + backward), [1, 0, 2])[:, :width]


def log_likelihood(scores: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor, transitions: Transitions) -> tf.Tensor:
    """Returns the log-probability of each text's tags.

    Args:
        scores: float32[N, W, K].
        tags: int32[N, W], 0 <= tag < K behind a text's words too.
        lengths: int32[N].
        transitions: Scores of neighbours.

    Returns:
        float32[N]; 0 for a text without words.
    """
    padded_scores, is_token = _pad_scores(scores, lengths)
    states = _forward(padded_scores, is_token, transitions, tf.reduce_logsumexp)[-1]
    total = tf.reduce_logsumexp(states + transitions.end, axis=-1)
    mask = tf.sequence_mask(lengths, tf.shape(scores)[1], scores.dtype)
    tag_scores = tf.reduce_sum(tf.gather(scores, tags, batch_dims=2) * mask, axis=1)
    steps = tf.gather_nd(transitions.between, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1))
    inner = tf.reduce_sum(steps * mask[:, 1:], axis=1)
    # A text without words has no first tag to gather.
    tag_rows = tf.pad(tags, [[0, 0], [0, 1]])
    first, last = tag_rows[:, 0], tf.gather(tag_rows, tf.maximum(lengths - 1, 0), batch_dims=1)
    path = tag_scores + inner + tf.gather(transitions.start, first) + tf.gather(transitions.end, last)
    return tf.where(lengths > 0, path - total, 0.0)


def _centre(values: tf.Tensor) -> tf.Tensor:
    """Returns each row less its greatest value; float32[N, K]."""
    return values - tf.reduce_max(values, axis=-1, keepdims=True)


def _pad_scores(scores: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the scores by word, float32[W', N, K], and which are real, bool[W', N]; at least two steps for a scan."""
    padding = 1 + tf.maximum(1 - tf.shape(scores)[1], 0)
    padded_scores = tf.pad(scores, [[0, 0], [0, padding], [0, 0]])
    is_token = tf.sequence_mask(lengths, tf.shape(padded_scores)[1])
    return tf.transpose(padded_scores, [1, 0, 2]), tf.transpose(is_token)


def _forward(scores: tf.Tensor, is_token: tf.Tensor, transitions: Transitions, reduce: Callable[..., Any]) -> tf.Tensor:
    """Returns the summed scores of all paths to each tag, float32[W', N, K].

    After a text's last word they stay the same.
    """

    def step(before: tf.Tensor, now: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        tag_scores, is_real = now
        after = reduce(before[:, :, tf.newaxis] + transitions.between, axis=1) + tag_scores
        return tf.where(is_real[:, tf.newaxis], after, before)

    first = transitions.start + scores[0]
    tail = tf.scan(step, (scores[1:], is_token[1:]), initializer=first)
    return tf.concat([first[tf.newaxis], tail], axis=0)
