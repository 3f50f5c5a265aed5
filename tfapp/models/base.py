"""The base class of the models of all tasks: a preprocessor, a network, and the step from logits to answers."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tfapp_client.former_names import FormerNames

from tfapp.core.rows import Row, to_rows
from tfapp.models.model_checkpoint import ModelCheckpoint
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown

__all__ = ["EncodedRows", "TaskModel"]


class EncodedRows(NamedTuple):
    """Encoded rows, as a network learns from them. A row is one example, or several where it is read in windows.

    Attributes:
        ids: Token ids int32[sum of T] of all examples after another.
        splits: int64[N + 1] into them.
        targets: [N, ...], as `loss` takes them.
        positions: What leads back from the examples' tokens to the rows, in a form that the model itself reads; None
            where each row is one example.
    """

    ids: np.ndarray
    splits: np.ndarray
    targets: np.ndarray
    positions: Any = None


class TaskModel(FormerNames, ModelCheckpoint):
    """A model of one task; `BertModel` is one over a pretrained BERT.

    A sub-class names its task and kind, builds its network from a config that `save` can write as JSON, and says
    what its targets, its loss and its answers are. Training, export and prediction need no more than this class.

    A task whose targets depend on the tokens (a tag a token, a span) overrides `encode` instead of `encode_targets`;
    one whose answers need more than the logits (positions in the text itself) overrides `predict_text` instead of
    `answers`; one that is trained on other columns than it is served with (pairs of texts for an embedding of one)
    overrides `encode`, `rows` and, for them, `logits`. One whose loss must know train as a whole (weights of classes)
    overrides `prepare`; one whose loss is no mean over the rows, `batch_loss`; one that learns from something else
    of the same rows each epoch, `resample`; one whose logits are too large to keep, `evaluation_outputs`; one with
    something beside each token (a word's casing), `add_segments`; one that leaves more than a model behind,
    `write_products`.

    Attributes:
        task: The contract that the exported model fulfils.
        kind: The name of `model.kind` that chooses this class.
        rows_apart: Whether `loss` looks at each row alone; else it compares the rows of a batch.
        pretrained: Whether all of the network is pretrained, so that it answers before it has learnt anything.
        preprocessor: Strings to token ids.
        network: A functional Keras model from the preprocessor's padded inputs to logits float32[N, ...].
        labels: Names of the logits' columns; none where these have no names.
        unknown: When the model answers that none of its labels fits; None: never.
        calibration: What calibrates the model's probabilities; None: it answers no such.
        backbone: The pretrained part of the network, a `keras_hub.models.BertBackbone`; None: none is.
        head: The dense layer that makes the logits of a vector a row, to be fitted by itself; None: there is none.
        limit: What the preprocessor's limit is called in reports.
        xla: Whether XLA compiles the network, which only a `BertModel` can have done, and the steps that train it.
        shards: Parts of a batch that are computed in parallel.
        answer_scale: What the numbers of the answers are about as large as; 1 for scores and probabilities.
    """

    former_names: ClassVar[Mapping[str, str]] = {
        "measure": "evaluation_outputs",
        "redraw": "resample",
        "respond": "predict_text",
        "segmented": "add_segments",
        "streams": "shards",
        "take_arrays": "load_arrays",
    }
    rows_apart: ClassVar[bool] = True
    pretrained: ClassVar[bool] = False
    limit: ClassVar[str] = "Longest text"
    backbone: Any = None
    head: Any = None
    unknown: Unknown | None = None
    calibration: TemperatureScaling | None = None
    xla: bool = False
    shards: int = 1
    answer_scale: float = 1.0

    def __init__(self, network: keras.Model, preprocessor: Preprocessor, labels: Sequence[str]) -> None:
        self.network = network
        self.preprocessor = preprocessor
        self.labels = tuple(labels)

    def encode_targets(self, labels: Sequence[Any]) -> np.ndarray:
        """Turns N label values as read from the data into an array with N rows that `loss` understands."""
        raise NotImplementedError(f"{type(self).__name__} has neither encode_targets nor encode")

    @abc.abstractmethod
    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each example, float32[N]; of float64 targets and logits float64[N]."""

    def learns(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns of which examples `loss` learns, bool[N]; here of all."""
        return tf.ones(tf.shape(targets)[:1], tf.bool)

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs that the task's contract names, from logits, as TensorFlow ops."""
        raise NotImplementedError(f"{type(self).__name__} has neither answers nor predict_text")

    def batch_loss(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss that a training step minimizes: a sum and its divisor, each summed over the replicas.

        Where the loss compares rows (`rows_apart`), a step goes by `logits` and `loss` themselves.

        Args:
            ids: Ragged int32[N, (T)].
            targets: [N, ...], as `encode` gives them.
            weights: float32[N], 0 for rows that do not count.

        Returns:
            Two scalars, float32; here of the mean over the rows.
        """
        losses = self.loss(targets, self.logits(ids, training=True))
        return tf.reduce_sum(losses * weights), tf.reduce_sum(weights)

    def soft_loss(self, teacher_logits: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
        """Returns how far each example's logits are from a teacher's of the same shape, float32[N], 0 where they agree.

        Here it is their mean squared difference (Ba and Caruana 2014); others soften both by the temperature first.
        """
        del temperature
        return tf.reduce_mean(tf.square(teacher_logits - logits), axis=list(range(1, logits.shape.rank)))

    def mean_logits(self, logits: Sequence[np.ndarray], temperature: float) -> np.ndarray:
        """Returns the logits of an ensemble that `soft_loss` compares with, from those of each of its models.

        Here it is their mean, which has the least mean squared difference; of probabilities, it is the logits, at the
        temperature, of the mean probabilities (Hinton et al. 2015).

        Args:
            logits: float32[N, ...] of each model.
            temperature: As in `soft_loss`.
        """
        del temperature
        return np.stack(logits).mean(axis=0)

    def evaluation_outputs(self, ids: tf.RaggedTensor, targets: tf.Tensor) -> tf.Tensor:
        """Returns the outputs by which rows are evaluated after an epoch: here the logits, float32[N, ...].

        Args:
            ids: Ragged int32[N, (T)]; N may be 0.
            targets: [N, ...], as `encode` gives them.
        """
        del targets
        return self.logits(ids)

    def resample(
        self, ids: np.ndarray, splits: np.ndarray, targets: Any, random: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        """Returns the ids and targets that one epoch learns from; here those of `encode`, in each epoch.

        Args:
            ids: Token ids of all rows, as `encode` gives them.
            splits: Row splits, likewise.
            targets: Likewise.
            random: Seeded by the experiment and the epoch, so that a resumed run draws the same.

        Returns:
            Token ids of rows of the same lengths, and targets.
        """
        del splits, random
        return ids, targets

    @property
    def inputs(self) -> tuple[str, ...]:
        """Returns the names of the task's inputs, which are also the names of the data's columns of texts."""
        return tuple(spec.name for spec in self.task.inputs)

    def rows(self, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Returns the rows of the data's columns as the served model takes them."""
        return to_rows(columns, self.inputs)

    def tokenize(self, columns: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many rows outside a graph: N texts by the name of each input.

        Returns:
            Token ids int32[sum of T] of all rows after another, and row splits int64[N + 1] into them.
        """
        return self.preprocessor.tokenize(*(columns[name] for name in self.inputs))

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Tokenizes many labelled rows outside a graph, and encodes their labels as targets.

        Args:
            columns: The data's columns by name, N values each: those of texts, and `label`.

        Returns:
            What the network reads, and what `loss` compares with.
        """
        return EncodedRows(*self.tokenize(columns), self.encode_targets(columns["label"]))

    def prepare(self, targets: np.ndarray) -> None:
        """Computes constants of the loss, such as weights, from train's targets, [N, ...], before the first step."""

    def predict_text(
        self, inputs: Mapping[str, tf.Tensor], *, preprocessor: Preprocessor | None = None
    ) -> dict[str, tf.Tensor]:
        """Answers raw texts, as TensorFlow ops.

        Args:
            inputs: string[N] by the name of each input.
            preprocessor: One with another limit than the model's own.

        Returns:
            The outputs that the task's contract names.
        """
        tokenize = preprocessor or self.preprocessor
        return self.answers(self.logits(tokenize(*(inputs[name] for name in self.inputs))))

    def check_length(self, max_length: int) -> None:
        """Checks that so many tokens can be read at once.

        Raises:
            ModelError: They cannot.
        """

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network on ragged int32[N, (T)] from the preprocessor; N may be 0. Returns float32[N, ...].

        `training` turns dropout on.
        """
        return self._run(self.network, ids, training=training)

    def features(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the vectors that `head` reads, float32[N, H], dropout off; only models with a `head` can."""
        return tf.cast(self._run(self._reader, ids, training=False), tf.float32)

    @cached_property
    def _reader(self) -> keras.Model:
        return keras.Model(self.network.input, self.head.input, name="reader")

    def _run(self, network: Any, ids: tf.RaggedTensor, *, training: bool) -> tf.Tensor:
        return network(self.pad(ids), training=training)[: ids.nrows(tf.int32)]

    def pad(self, ids: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Returns the network's dense inputs for ids, ragged int32[N, (T)]; see `Preprocessor.pad`."""
        return self.preprocessor.pad(*self.add_segments(ids))

    def add_segments(self, ids: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
        """Returns the token ids in ids, ragged int32[N, (T)], and their segments, where these are not all 0."""
        return ids, self.preprocessor.segments(ids) if len(self.task.inputs) > 1 else None

    def calibrate(self, calibration: TemperatureScaling) -> None:
        """Sets the model's temperatures; a model with thresholds moves them, so that its decisions stay the same."""
        self.calibration = calibration

    def write_products(self, folder: Path) -> None:
        """Writes the further files that a finished run leaves in its folder."""

    def trainable_weights(self) -> int:
        """Returns how many numbers a training of the whole network changes."""
        return int(sum(np.prod(weight.shape) for weight in self.network.trainable_weights))
