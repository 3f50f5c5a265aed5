"""Chooses what a training changes of a network: all of it, its head, or its head and low-rank updates; and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.errors import TrainingError, did_you_mean
from tfapp.models import TaskModel
from tfapp.models.backbones import depth_of, kernels_by_layer, rows_of

__all__ = ["Adaptation", "LowRankUpdate", "count_trained"]


class Adaptation:
    """The variables that a training changes, and the gradients of each.

    Args:
        model: Its network's variables were made under the strategy of the training, whose scope this is made in.
        settings: What learns.

    Attributes:
        sources: The network's variables of which a step takes the gradients.
        trained: The variables that the optimizer changes.
        extra: Those of them that are none of the network's.

    Raises:
        TrainingError: The settings do not fit the model.
    """

    def __init__(self, model: TaskModel, settings: TrainingSettings) -> None:
        plan = _plan(model, settings)
        self._direct = plan.direct
        self._updates = [
            LowRankUpdate(
                kernel,
                rows=rows_of(model.backbone, kernel),
                rank=settings.lora_rank,
                alpha=settings.lora_alpha,
                seed=settings.seed + number,
            )
            for number, kernel in enumerate(plan.targets)
        ]
        self.sources = [*plan.direct, *plan.targets]
        self.extra = [matrix for update in self._updates for matrix in (update.a, update.b)]
        self.trained = [*plan.direct, *self.extra]
        self._scales = dict(self._layer_scales(model, settings.layer_decay))
        self._merge = tf.function(self._merge_all, autograph=False)

    def gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients of `trained`, from those of `sources`."""
        count = len(self._direct)
        pairs = zip(self._updates, gradients[count:], strict=True)
        return [*gradients[:count], *(part for update, gradient in pairs for part in update.gradients(gradient))]

    def merge(self) -> None:
        """Brings the network up to date after a step. In float32: call it where nothing is rewritten."""
        if self._updates:
            self._merge()

    def scale(self, variable: Any) -> float:
        """Returns the factor on the learning rate of one of `trained`."""
        return self._scales.get(id(variable), 1.0)

    def _merge_all(self) -> None:
        for update in self._updates:
            update.merge()

    def _layer_scales(self, model: TaskModel, decay: float) -> Iterator[tuple[int, float]]:
        """Yields layer-wise decay as of BEiT (Bao et al. 2022): 1 above the last layer, less for each below."""
        if decay == 1:
            return
        top = model.backbone.num_layers + 1
        for variable in self._direct:
            yield id(variable), decay ** (top - depth_of(model.backbone, variable))
        for update in self._updates:
            factor = decay ** (top - depth_of(model.backbone, update.kernel))
            yield from ((id(update.a), factor), (id(update.b), factor))


def count_trained(model: TaskModel, settings: TrainingSettings) -> int:
    """Returns how many numbers a training changes: without epochs those of the head, if there is one.

    Raises:
        TrainingError: The settings do not fit the model.
    """
    if not settings.epochs:
        return sum(math.prod(variable.shape) for variable in model.head.variables) if model.head else 0
    plan = _plan(model, settings)
    direct = sum(math.prod(variable.shape) for variable in plan.direct)
    return direct + sum(settings.lora_rank * sum(_kernel_shape(model, kernel)) for kernel in plan.targets)


class _Plan(NamedTuple):
    """The network's variables that learn as they are, and the kernels that learn by low-rank updates."""

    direct: list[Any]
    targets: list[Any]


def _plan(model: TaskModel, settings: TrainingSettings) -> _Plan:
    variables = list(model.network.trainable_variables)
    if model.backbone is None and (settings.adapt != "all" or settings.layer_decay < 1):
        raise TrainingError("training.adapt and training.layer_decay need a model with a pretrained backbone")
    if settings.adapt == "all":
        return _Plan(variables, [])
    backbone_ids = {id(variable) for variable in model.backbone.variables}
    fresh = [variable for variable in variables if id(variable) not in backbone_ids]
    if settings.adapt == "head":
        return _Plan(fresh, [])
    kernels = kernels_by_layer(variable for variable in variables if id(variable) in backbone_ids)
    return _Plan(fresh, list(_targets(model, settings, kernels)))


def _targets(model: TaskModel, settings: TrainingSettings, kernels: dict[str, list[Any]]) -> Iterator[Any]:
    for name in dict.fromkeys(settings.lora_targets):
        if name not in kernels:
            raise TrainingError(f"training.lora_targets: this BERT has no layer {name!r}{did_you_mean(name, kernels)}")
        rows, columns = _kernel_shape(model, kernels[name][0])
        if settings.lora_rank > min(rows, columns):
            raise TrainingError(
                f"training.lora_rank is {settings.lora_rank}, but the kernel of {name} is {rows} x {columns}; "
                f"take at most {min(rows, columns)}, or adapt all"
            )
        yield from kernels[name]


def _kernel_shape(model: TaskModel, kernel: Any) -> tuple[int, int]:
    rows = rows_of(model.backbone, kernel)
    return rows, math.prod(kernel.shape) // rows


class LowRankUpdate:
    """A kernel that learns by two thin matrices (Hu et al. 2021, "LoRA"): kernel = initial + alpha / rank * a @ b.

    The network's own kernel holds the sum, brought up to date by `merge` after each step. So whatever reads the network
    (evaluation, saving, export) sees a plain kernel, and the step computes what it would with the two matrices inside.
    Keras's `enable_lora` is not used: it factorizes a kernel along its last axis, which for attention's kernels
    [hidden, heads, width] makes a matrix `a` that is larger by the number of heads.

    Args:
        kernel: The Keras variable, of any shape; read now as the initial value.
        rows: Its rows as a matrix, input to output.
        rank: Columns of `a` and rows of `b`.
        alpha: As above.
        seed: Of `a`'s first values; `b` starts at 0.

    Attributes:
        kernel: The variable.
        a: float32[rows, rank].
        b: float32[rank, columns].
    """

    def __init__(self, kernel: Any, *, rows: int, rank: int, alpha: float, seed: int) -> None:
        self.kernel = kernel
        self._matrix = (rows, math.prod(kernel.shape) // rows)
        self._scale = alpha / rank
        self._initial = tf.constant(kernel.numpy())
        # As in the authors' code (microsoft/LoRA, loralib/layers.py): uniform within 1 / sqrt(rows).
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)
        self.a = keras.Variable(uniform((rows, rank)), name="lora_a")
        self.b = keras.Variable(tf.zeros((rank, self._matrix[1])), name="lora_b")

    def gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the gradients of `a` and `b`, from that of the kernel."""
        flat = self._scale * tf.reshape(gradient, self._matrix)
        return tf.matmul(flat, self.b.value, transpose_b=True), tf.matmul(self.a.value, flat, transpose_a=True)

    def merge(self) -> None:
        """Brings the kernel up to date."""
        update = self._scale * tf.matmul(self.a.value, self.b.value)
        self.kernel.assign(self._initial + tf.reshape(update, self._initial.shape))
