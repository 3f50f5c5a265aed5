"""The compiled steps: one of training, one of prediction, over all replicas of a strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from tfapp.data.batches import TokenizedTexts, inference_batches, inference_dataset, training_dataset
from tfapp.models import TaskModel
from tfapp.training.adaptation import Adaptation
from tfapp.training.gradients import BatchGradients
from tfapp.training.parallel_shards import map_shards
from tfapp.training.sharpness_aware import SharpnessAware

__all__ = ["Objective", "StepResult", "distribute", "make_predictor", "make_train_step", "predict_logits"]

Objective: TypeAlias = Callable[[tf.RaggedTensor, Any, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""The loss of a batch of ids, targets and weights, as `TaskModel.batch_loss` gives it."""


class StepResult(NamedTuple):
    """The figures that a training step reports.

    Attributes:
        loss: float32, the mean over the batch.
        gradient_norm: float32, of what is followed, before clipping.
        tokens: int32, real tokens in the batch, padding not counted.
    """

    loss: tf.Tensor
    gradient_norm: tf.Tensor
    tokens: tf.Tensor


def make_train_step(
    model: TaskModel,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    adaptation: Adaptation,
    *,
    clip_norm: float,
    objective: Objective | None = None,
    sub_batch: int | None = None,
    sam_rho: float | None = None,
) -> Callable[[Any], StepResult]:
    """Compiles one step of training.

    The gradients are summed over the replicas before they are clipped, so that N replicas learn what one learns
    from the same batch. Where the model's network is compiled by XLA, what follows the gradients is too.

    Args:
        model: Its network's variables were made under the strategy.
        optimizer: Likewise.
        strategy: What the step runs under.
        adaptation: Which weights learn; its `finish_step` is to be called after the step.
        clip_norm: The gradients' global norm after clipping.
        objective: What is made smaller; None: the model's `batch_loss`.
        sub_batch: Rows that a replica runs at a time; None: all.
        sam_rho: The radius of `SharpnessAware`; None: the gradients at the weights themselves.

    Returns:
        A function of one element of `distribute`'s dataset.
    """
    replicas = strategy.num_replicas_in_sync
    batch_gradients = BatchGradients(
        model, adaptation.sources, strategy, sub_batch=sub_batch, batch_loss=objective or model.batch_loss
    )
    compute = SharpnessAware(batch_gradients, adaptation.sources, sam_rho) if sam_rho else batch_gradients

    def follow(gradients: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        gradients = adaptation.penalize(batch_gradients.total(adaptation.gradients(gradients)))
        sensitivities = adaptation.sensitivities(gradients)
        gradients, norm = tf.clip_by_global_norm(gradients, clip_norm)
        # Keras sums over the replicas once more when it applies.
        shares = [gradient / replicas for gradient in gradients] if replicas > 1 else gradients
        optimizer.apply(shares, adaptation.trained)
        return norm, sensitivities

    if model.xla:
        follow = tf.function(follow, jit_compile=True, autograph=False)

    def replica_step(ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[StepResult, list[tf.Tensor]]:
        loss, gradients = compute(ids, targets, weights)
        norm, sensitivities = follow(gradients)
        return StepResult(batch_gradients.total(loss), norm, batch_gradients.total(tf.size(ids.values))), sensitivities

    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Any) -> StepResult:
        result, sensitivities = strategy.run(replica_step, args=batch)
        adaptation.observe([strategy.experimental_local_results(value)[0] for value in sensitivities])
        return StepResult(*(strategy.experimental_local_results(value)[0] for value in result))

    return step


def distribute(
    strategy: tf.distribute.Strategy,
    texts: TokenizedTexts,
    targets: Any,
    rows: np.ndarray,
    weights: np.ndarray,
) -> Iterator[Any]:
    """Yields the batches of `epoch_batches`, each split evenly over the replicas of all workers.

    Args:
        strategy: With R replicas, which divide the batch size.
        texts: N texts.
        targets: [N, ...], or a tuple of such arrays.
        rows: int64[S, B].
        weights: float32[S, B].
    """
    if strategy.num_replicas_in_sync == 1:
        return iter(training_dataset(texts, targets, rows, weights))

    def pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        # One element a local replica, in the order in which the strategy hands them out.
        pipeline_replicas = context.num_replicas_in_sync // context.num_input_pipelines
        share = rows.shape[1] // context.num_replicas_in_sync
        part = slice(
            context.input_pipeline_id * pipeline_replicas * share,
            (context.input_pipeline_id + 1) * pipeline_replicas * share,
        )
        return training_dataset(texts, targets, rows[:, part].reshape(-1, share), weights[:, part].reshape(-1, share))

    return iter(strategy.distribute_datasets_from_function(pipeline))


def make_predictor(model: TaskModel, targets: np.ndarray) -> Callable[[tf.RaggedTensor, Any], tf.Tensor]:
    """Compiles the model's `evaluation_outputs`.

    Args:
        model: The model.
        targets: [N, ...], as it will be called with some rows of.

    Returns:
        A function of ids, ragged int32[N, (T)], and targets.
    """
    form = tf.TensorSpec([None, *targets.shape[1:]], targets.dtype)

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int32), form], autograph=False)
    def predict(ids: tf.RaggedTensor, targets: tf.Tensor) -> tf.Tensor:
        return map_shards(model.shards, model.evaluation_outputs, ids, targets)

    return predict


def predict_logits(
    predictor: Callable[[tf.RaggedTensor, Any], tf.Tensor],
    texts: TokenizedTexts,
    targets: np.ndarray,
    *,
    batch_size: int = 32,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> np.ndarray:
    """Returns the model's evaluation outputs of many texts, in their order: logits, of most models.

    Args:
        predictor: From `make_predictor`.
        texts: N texts.
        targets: [N, ...].
        batch_size: Texts a step.
        on_progress: Called with texts done and N.

    Returns:
        float32[N, ...]; of a model with logits for each token, 0 behind a text's last.
    """
    batches = inference_batches(texts.lengths, batch_size)
    no_rows = tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int32), tf.zeros([1], tf.int64))
    parts = [predictor(no_rows, targets[:0]).numpy()]
    count = 0
    for numbers, ids in zip(batches, inference_dataset(texts, batches), strict=True):
        parts.append(predictor(ids, targets[numbers]).numpy())
        count += len(numbers)
        if on_progress:
            on_progress(count, len(texts))
    shape = np.max([part.shape[1:] for part in parts], axis=0).astype(int) if parts[0].ndim > 1 else ()
    logits = np.zeros((len(texts), *shape), parts[0].dtype)
    for numbers, part in zip(batches, parts[1:], strict=True):
        index: Any = (numbers, *(slice(size) for size in part.shape[1:]))
        logits[index] = part
    return logits
