"""Chooses the variables that a training changes: all, the head's, or the head's and adapters'; and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.errors import TrainingError, did_you_mean
from tfapp.models import BertModel, TaskModel
from tfapp.models.adapters import (
    AdapterFile,
    KernelAdapter,
    RankAllocator,
    SingularValueUpdate,
    adapter_class,
    adapter_scale,
    kernels_by_name,
)
from tfapp.models.backbones import kernel_rows, kernels_by_layer
from tfapp.training.layer_decay import layer_factors

__all__ = ["Adaptation", "count_trained"]


class Adaptation:
    """The variables that a training changes, and the gradients of each.

    Args:
        model: Its network's variables were made under the strategy of the training, whose scope this is made in.
        settings: What learns.

    Attributes:
        sources: The network's variables of which a step takes the gradients.
        direct: Those of them that learn as they are; the others learn by adapters.
        adapters: Those of the kernels that follow in `sources`, in their order.
        allocator: What divides a budget of ranks among the adapters; None: each keeps its own.
        trained: The variables that the optimizer changes.
        extra: What a step changes beside the network and the optimizer, to be kept in checkpoints.

    Raises:
        TrainingError: The settings do not fit the model.
    """

    def __init__(self, model: TaskModel, settings: TrainingSettings) -> None:
        plan = _plan(model, settings)
        self.direct = plan.direct
        self.adapters = list(_make_adapters(model, settings, plan.targets))
        self.allocator = _make_allocator(settings, self.adapters)
        self.sources = [*plan.direct, *plan.targets]
        weights = [weight for adapter in self.adapters for weight in adapter.weights.values()]
        self.trained = [*plan.direct, *weights]
        self.extra = [*weights, *(self.allocator.state if self.allocator else [])]
        self._method = settings.adapt
        self._backbone = model.backbone
        # Before anything has changed.
        self._fingerprint = cast(BertModel, model).fingerprint() if self.adapters else ""
        layers = [
            *((variable, variable) for variable in plan.direct),
            *((weight, adapter.kernel) for adapter in self.adapters for weight in adapter.weights.values()),
        ]
        self._scales = layer_factors(model.backbone, layers, settings.layer_decay)
        self._merge = tf.function(self._merge_all, autograph=False)

    def gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients of `trained`, from those of `sources`, of a replica's share of a batch."""
        count = len(self.direct)
        pairs = zip(self.adapters, gradients[count:], strict=True)
        return [*gradients[:count], *(part for adapter, gradient in pairs for part in adapter.gradients(gradient))]

    def penalize(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Adds the gradients of the method's penalty to those of `trained`, of the whole batch."""
        count = len(self.direct)
        if self.allocator is None:
            return list(gradients)
        return [*gradients[:count], *self.allocator.penalize(gradients[count:])]

    def sensitivities(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the sensitivities that `observe` takes, computed before the step; none for most methods."""
        return self.allocator.sensitivities(gradients[len(self.direct) :]) if self.allocator else []

    def observe(self, sensitivities: Sequence[tf.Tensor]) -> None:
        """Takes in the sensitivities of a step; outside of the replicas."""
        if self.allocator:
            self.allocator.observe(sensitivities)

    def finish_step(self, step: int, total_steps: int) -> None:
        """Allocates ranks and merges the adapters after a step, in float32: call it where no graph is rewritten."""
        if self.allocator:
            self.allocator.allocate(step, total_steps)
        self.merge()

    def merge(self) -> None:
        """Merges the adapters into the network's kernels; in float32, as `finish_step`."""
        if self.allocator:
            self.allocator.hold()
        if self.adapters:
            self._merge()

    def save(self, file: Path) -> None:
        """Writes the adapters' weights as they are now, if there are adapters."""
        if not self.adapters:
            return
        names = {id(kernel): name for name, kernel in kernels_by_name(self._backbone).items()}
        kernels = {names[id(adapter.kernel)]: adapter.arrays() for adapter in self.adapters}
        AdapterFile(self._method, self.adapters[0].scale, self._fingerprint, kernels).save(file)

    def scale(self, variable: Any) -> float:
        """Returns the factor on the learning rate of one of `trained`."""
        return self._scales.get(id(variable), 1.0)

    def _merge_all(self) -> None:
        for adapter in self.adapters:
            adapter.merge()


def count_trained(model: TaskModel, settings: TrainingSettings) -> int:
    """Returns how many numbers a training changes: without epochs those of the head, if there is one.

    Raises:
        TrainingError: The settings do not fit the model.
    """
    if not settings.epochs:
        return sum(math.prod(variable.shape) for variable in model.head.variables) if model.head else 0
    plan = _plan(model, settings)
    direct = sum(math.prod(variable.shape) for variable in plan.direct)
    method = adapter_class(settings.adapt)
    if method is None:
        return direct
    rank = method.first_rank(settings.lora_rank)
    return direct + sum(method.count(*_kernel_shape(model, kernel), rank) for kernel in plan.targets)


class _AdaptationPlan(NamedTuple):
    """The network's variables that learn as they are, and the kernels that learn by adapters."""

    direct: list[Any]
    targets: list[Any]


def _plan(model: TaskModel, settings: TrainingSettings) -> _AdaptationPlan:
    variables = list(model.network.trainable_variables)
    if model.backbone is None and (settings.adapt != "all" or settings.layer_decay < 1):
        raise TrainingError(
            f"training.adapt is {settings.adapt} and training.layer_decay {settings.layer_decay:g}, but model.kind "
            f"{model.kind} has no pretrained layers; set adapt = all and layer_decay = 1, or model.kind = bert"
        )
    if settings.adapt == "all":
        return _AdaptationPlan(variables, [])
    backbone_ids = {id(variable) for variable in model.backbone.variables}
    new_variables = [variable for variable in variables if id(variable) not in backbone_ids]
    method = adapter_class(settings.adapt)
    if method is None:
        return _AdaptationPlan(new_variables, [])
    kernels = kernels_by_layer(variable for variable in variables if id(variable) in backbone_ids)
    return _AdaptationPlan(new_variables, list(_targets(model, settings, kernels, method)))


def _targets(
    model: TaskModel, settings: TrainingSettings, kernels: dict[str, list[Any]], method: type[KernelAdapter]
) -> Iterator[Any]:
    rank = method.first_rank(settings.lora_rank)
    for name in dict.fromkeys(settings.lora_targets):
        if name not in kernels:
            raise TrainingError(f"training.lora_targets: this BERT has no layer {name!r}{did_you_mean(name, kernels)}")
        rows, columns = _kernel_shape(model, kernels[name][0])
        if rank > min(rows, columns):
            begins = "" if rank == settings.lora_rank else f", which {settings.adapt} begins with {rank} for"
            raise TrainingError(
                f"training.lora_rank is {settings.lora_rank}{begins}, but the kernel of {name} is {rows} x {columns}; "
                f"take at most {min(rows, columns) * settings.lora_rank // rank}, or adapt all"
            )
        yield from kernels[name]


def _kernel_shape(model: TaskModel, kernel: Any) -> tuple[int, int]:
    rows = kernel_rows(model.backbone, kernel)
    return rows, math.prod(kernel.shape) // rows


def _make_adapters(model: TaskModel, settings: TrainingSettings, kernels: Sequence[Any]) -> Iterator[KernelAdapter]:
    method = adapter_class(settings.adapt)
    if method is None:
        return
    scale = adapter_scale(settings.lora_alpha, settings.lora_rank, rank_stabilized=settings.lora_rank_stabilized)
    rank = method.first_rank(settings.lora_rank)
    for number, kernel in enumerate(kernels):
        rows = kernel_rows(model.backbone, kernel)
        yield method(kernel, rows=rows, rank=rank, scale=scale, seed=settings.seed + number)


def _make_allocator(settings: TrainingSettings, adapters: Sequence[KernelAdapter]) -> RankAllocator | None:
    updates = [adapter for adapter in adapters if isinstance(adapter, SingularValueUpdate)]
    if not updates:
        return None
    return RankAllocator(
        updates,
        target=settings.lora_rank * len(updates),
        warmup_share=settings.adalora_warmup_share,
        final_share=settings.adalora_final_share,
        interval=settings.adalora_interval,
        penalty=settings.adalora_orthogonality,
    )
