"""Learns texts whose tokens' vectors are moved to where the loss is higher (Miyato, Dai and Goodfellow 2017, "FGM").

"Adversarial Training Methods for Semi-Supervised Text Classification", section 3. Of a text with label y, s is the
embeddings of its tokens, one after another, and g the gradient of its loss by them at the weights theta of the step:

    g = grad_s -log p(y | s; theta)
    r = epsilon * g / ||g||_2

The loss is that of the text, and that of its moved copy, r being a constant:

    L = -log p(y | s; theta) - log p(y | s + r; theta)

The paper scales embeddings to a variance of 1, so that they cannot outgrow epsilon. Those of a BERT are as they were
pretrained; they change little in a fine-tuning.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.models.compiled import CompiledNetwork

__all__ = ["AdversarialEmbeddings"]


class AdversarialEmbeddings:
    """The objective of FGM: a sum over the rows and its divisor, as `TaskModel.batch_loss` gives them.

    A step passes twice through the network, and three times back: for g alone, then for both losses. Dropout draws
    other numbers for the moved copy. Texts that the network reads in several rows (windows, the two texts of a pair
    that are read apart) are moved by epsilon in each.

    Args:
        model: Its network begins with an embedding of `token_ids`.
        epsilon: Euclidean length of the move over all tokens of a row.

    Raises:
        TrainingError: The network does not begin so.
    """

    def __init__(self, model: TaskModel, epsilon: float) -> None:
        self._model = model
        self._epsilon = epsilon
        self._embedding = _token_embedding(model.network)
        self._others = [name for name in model.network.input if name != "token_ids"]
        inputs = [self._embedding.output, *(model.network.input[name] for name in self._others)]
        self._rest = keras.Model(inputs, model.network.output, name="behind_embedding")
        self._network: Any = self._run
        if model.xla:
            self._network = CompiledNetwork(self._run, int(model.backbone.max_sequence_length))

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss of a batch; see `TaskModel.batch_loss`."""
        total, count, moves = self.moves(ids, targets, weights)
        moved_total, _ = self.moved_loss(moves, ids, targets, weights)
        return total + moved_total, count

    def moves(
        self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Returns the loss of the unmoved texts, as `TaskModel.batch_loss`, and the moves r of their tokens' vectors.

        It is float32[M, T, H] for M rows of T tokens, and 0 for rows that do not count; a tensor for each time that the
        model calls its network.
        """
        moves: list[tf.Tensor] = []

        def network(inputs: dict[str, tf.Tensor], *, training: bool) -> tf.Tensor:
            shape = tf.concat([tf.shape(inputs["token_ids"]), [self._embedding.output_dim]], axis=0)
            moves.append(tf.zeros(shape))
            tape.watch(moves[-1])
            return self._network(inputs | {"moves": moves[-1]}, training=training)

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            total, count = self._loss(network, ids, targets, weights)
        # The rows' losses are summed, so that each row's gradient is that of its own loss.
        return total, count, [self._scale(gradient) for gradient in tape.gradient(total, moves)]

    def moved_loss(
        self, moves: Sequence[tf.Tensor], ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss of moved texts, as `TaskModel.batch_loss`."""
        remaining_moves = iter(moves)

        def network(inputs: dict[str, tf.Tensor], *, training: bool) -> tf.Tensor:
            return self._network(inputs | {"moves": next(remaining_moves)}, training=training)

        return self._loss(network, ids, targets, weights)

    def _scale(self, gradient: tf.Tensor) -> tf.Tensor:
        norms = tf.norm(gradient, axis=[1, 2], keepdims=True)
        return tf.stop_gradient(self._epsilon * tf.math.divide_no_nan(gradient, norms))

    def _loss(
        self, network: Any, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        # A model of its own with another network: whatever `logits` does beside it is done here too.
        clone = copy.copy(self._model)
        clone.network = network
        clone.xla = False
        losses = self._model.loss(targets, clone.logits(ids, training=True))
        return tf.reduce_sum(losses * weights), tf.reduce_sum(weights)

    def _run(self, inputs: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        vectors = self._embedding(inputs["token_ids"])
        moved_vectors = vectors + tf.cast(inputs["moves"], vectors.dtype)
        return self._rest([moved_vectors, *(inputs[name] for name in self._others)], training=training)


def _token_embedding(network: keras.Model) -> Any:
    inputs = network.input
    tokens = inputs.get("token_ids") if isinstance(inputs, dict) else None
    for layer in network.layers:
        if isinstance(layer, keras.layers.Embedding) and layer.input is tokens:
            return layer
    raise TrainingError(
        "training.fgm_epsilon moves the vectors of tokens, and this network does not begin with an embedding of "
        "token_ids; remove it"
    )
