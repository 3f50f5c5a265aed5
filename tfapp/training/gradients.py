"""Computes the gradients of a batch over all replicas, in less memory than the batch at once would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from tfapp.models import TaskModel
from tfapp.training.parallel_shards import map_shards, shards_of

__all__ = ["BatchGradients", "Gradients"]


class Gradients(NamedTuple):
    """The gradients of a replica for its share of a batch; the sums over the replicas are those of the batch.

    Attributes:
        loss: float32, the share's part of the mean loss.
        values: The gradients of the mean loss, in the order of the variables; dense.
    """

    loss: tf.Tensor
    values: list[tf.Tensor]


class BatchGradients:
    """Computes a batch's loss and gradients on each replica.

    Where the loss compares rows, those of all replicas are compared: each replica gathers the others' logits, and
    takes the gradient of the whole batch's loss by its own.

    The rows are run in `model.shards` parts in parallel, under one tape.

    With `sub_batch` the rows are run in parts, and the memory is that of a part. Where each row is looked at alone, the
    parts' gradients are summed. Where rows are compared it is done as in Gao et al. 2021 ("GradCache"): all parts are
    run without a gradient first, for the logits of all; then, with the loss's gradient by these logits known, each part
    once more with one. Dropout draws the same numbers both times.

    Args:
        model: Its network's variables were made under the strategy.
        sources: Keras variables of the network.
        strategy: What the step runs under.
        batch_loss: What is made smaller where rows are looked at alone, as `TaskModel.batch_loss`.
        sub_batch: Rows a part; None: all at once.
    """

    def __init__(
        self,
        model: TaskModel,
        sources: Sequence[Any],
        strategy: tf.distribute.Strategy,
        *,
        batch_loss: Callable[..., tuple[tf.Tensor, tf.Tensor]],
        sub_batch: int | None = None,
    ) -> None:
        self._model = model
        self._batch_loss = batch_loss
        self._sources = sources
        self._replicas = strategy.num_replicas_in_sync
        self._sub_batch = sub_batch
        weights = {id(variable) for variable in model.network.weights}
        # What is a variable of the network and no weight: the states of the random numbers.
        self._random = [variable for variable in model.network.variables if id(variable) not in weights]

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> Gradients:
        """Computes, inside a replica, from its rows ragged int32[B, (T)], targets [B, ...] and weights float32[B]."""
        if not self._model.rows_apart:
            return self._compare_rows(ids, targets, weights)
        if self._sub_batch is not None:
            return self._sum_parts(_Parts(ids, self._sub_batch), targets, weights)
        with tf.GradientTape() as tape:
            total, count = self._loss(ids, targets, weights)
            # Of a batch of texts without a hidden token nothing is learnt.
            loss = tf.math.divide_no_nan(total, self.total(count))
        return Gradients(loss, _dense(tape.gradient(loss, self._values())))

    def total(self, value: Any) -> Any:
        """Sums a value over the replicas."""
        if self._replicas == 1:
            return value
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)

    def _sum_parts(self, parts: _Parts, targets: Any, weights: tf.Tensor) -> Gradients:
        def part(ids: tf.RaggedTensor, rows: slice) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                part_targets = tf.nest.map_structure(lambda value: value[rows], targets)
                total, count = self._loss(ids, part_targets, weights[rows])
            return [total, count, *_dense(tape.gradient(total, self._values()))]

        total, count, *values = parts.sum(part, [(), (), *self._shapes()])
        count = self.total(count)
        return Gradients(*tf.nest.map_structure(lambda value: tf.math.divide_no_nan(value, count), (total, values)))

    def _compare_rows(self, ids: tf.RaggedTensor, targets: tf.Tensor, weights: tf.Tensor) -> Gradients:
        if self._sub_batch is None:
            with tf.GradientTape() as tape:
                logits = self._logits(ids)
            loss, pulls = self._compare(targets, logits, weights)
            return Gradients(loss, _dense(tape.gradient(logits, self._values(), output_gradients=pulls)))
        parts = _Parts(ids, self._sub_batch)
        states = [tf.identity(variable.value) for variable in self._random]
        loss, pulls = self._compare(targets, parts.map(self._logits), weights)
        for variable, state in zip(self._random, states, strict=True):
            variable.assign(state)

        def part(ids: tf.RaggedTensor, rows: slice) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = self._logits(ids)
            return _dense(tape.gradient(logits, self._values(), output_gradients=pulls[rows]))

        return Gradients(loss, parts.sum(part, self._shapes()))

    def _compare(self, targets: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the replica's part of the loss, and the gradient of all replicas' loss by its logits."""
        own_rows = slice(None)
        count = self.total(tf.reduce_sum(weights))
        if self._replicas > 1:
            context, rows = tf.distribute.get_replica_context(), tf.shape(weights)[0]
            start = rows * context.replica_id_in_sync_group
            own_rows = slice(start, start + rows)
            targets, logits, weights = (context.all_gather(value, axis=0) for value in (targets, logits, weights))
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = self._model.loss(targets, logits) * weights / count
            loss = tf.reduce_sum(losses)
        return tf.reduce_sum(losses[own_rows]), tape.gradient(loss, logits)[own_rows]

    def _loss(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parts = [self._batch_loss(*part) for part in shards_of(self._model.shards, ids, targets, weights)]
        total, count = (tf.add_n(values) for values in zip(*parts, strict=True))
        return total, count

    def _logits(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return map_shards(self._model.shards, partial(self._model.logits, training=True), ids)

    def _values(self) -> list[tf.Tensor]:
        return [variable.value for variable in self._sources]

    def _shapes(self) -> list[Any]:
        return [variable.shape for variable in self._sources]


class _Parts:
    """Rows in parts of a fixed size, one after another."""

    def __init__(self, ids: tf.RaggedTensor, size: int) -> None:
        self._ids = ids
        self._size = size
        self._count = -(-ids.nrows(tf.int32) // size)

    def map(self, function: Callable[[tf.RaggedTensor], tf.Tensor]) -> tf.Tensor:
        """Returns the parts' values, [B, ...]."""
        shapes: list[tf.TensorShape] = []

        def body(index: tf.Tensor, values: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            value = function(self._ids[self._rows(index)])
            shapes.append(value.shape[1:])
            return index + 1, values.write(index, value)

        values = tf.TensorArray(tf.float32, self._count, infer_shape=False)
        _, values = tf.while_loop(self._goes_on, body, (0, values), parallel_iterations=1)
        return tf.ensure_shape(values.concat(), [None, *shapes[0]])

    def sum(
        self, function: Callable[[tf.RaggedTensor, slice], Sequence[tf.Tensor]], shapes: Sequence[Any]
    ) -> list[tf.Tensor]:
        """Sums the results of the parts; the function is given their slices, too."""

        def body(index: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            rows = self._rows(index)
            partial_sums = function(self._ids[rows], rows)
            return index + 1, *(total + part for total, part in zip(sums, partial_sums, strict=True))

        _, *sums = tf.while_loop(self._goes_on, body, (0, *map(tf.zeros, shapes)), parallel_iterations=1)
        return sums

    def _goes_on(self, index: tf.Tensor, *_: Any) -> tf.Tensor:
        return index < self._count

    def _rows(self, index: tf.Tensor) -> slice:
        return slice(index * self._size, (index + 1) * self._size)


def _dense(gradients: Sequence[Any]) -> list[tf.Tensor]:
    """Makes gradients dense: a sparse one has a row a token, and its norm counts repeated tokens apart."""
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
