"""AdamW with linear warm-up and decay, as BERT is fine-tuned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import keras
import tensorflow as tf
from keras import ops

from tfapp.config import TrainingSettings

__all__ = ["LinearWarmupDecay", "MovableWarmupDecay", "ScaledAdamW", "make_optimizer", "make_schedule"]

_HEAD: Final = (
    "logits/kernel",
    "logits/bias",
    "transitions/start",
    "transitions/between",
    "transitions/end",
)


class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises to `peak` in the warm-up steps, then falls to 0 at the last step (Devlin et al. 2019)."""

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        self.peak = peak
        self.warmup_steps: Any = warmup_steps
        self.total_steps: Any = total_steps

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of a step, float32."""
        number = ops.cast(step, "float32") + 1.0
        warmup, total = ops.cast(self.warmup_steps, "float32"), ops.cast(self.total_steps, "float32")
        rise = number / ops.maximum(warmup, 1.0)
        fall = (total - number + 1.0) / ops.maximum(total - warmup, 1.0)
        return self.peak * ops.clip(ops.minimum(rise, fall), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"peak": self.peak, "warmup_steps": int(self.warmup_steps), "total_steps": int(self.total_steps)}


class MovableWarmupDecay(LinearWarmupDecay):
    """A linear warm-up and decay for a training that may end sooner: its last step can be moved while it runs.

    A rate that has fallen to 0 by the end of the budget is what counts most, whatever the budget (Li et al. 2020,
    "Budgeted Training: Rethinking Deep Neural Network Training Under Resource Constraints").
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        super().__init__(peak, warmup_steps, total_steps)
        self._share = warmup_steps / max(total_steps, 1)
        # Compiled steps read them anew.
        self.warmup_steps, self.total_steps = (
            tf.Variable(float(steps), trainable=False) for steps in (warmup_steps, total_steps)
        )

    def end_at(self, total_steps: int) -> None:
        """Makes a step the last one; the warm-up keeps its share."""
        self.total_steps.assign(total_steps)
        self.warmup_steps.assign(round(self._share * total_steps))


def make_schedule(settings: TrainingSettings, total_steps: int) -> LinearWarmupDecay:
    """Returns the learning rate of each of the training's steps."""
    return LinearWarmupDecay(settings.learning_rate, round(settings.warmup_share * total_steps), total_steps)


class ScaledAdamW(keras.optimizers.AdamW):
    """AdamW whose steps are longer for some variables: `scale` is a variable's factor on the learning rate."""

    def __init__(self, *args: Any, scale: Callable[[Any], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scale = scale

    def build(self, variables: Sequence[Any]) -> None:
        """Asks for each variable's factor."""
        self._factors = [self.scale(variable) for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Makes AdamW's step with the variable's own learning rate, as one op that passes over memory once."""
        index = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=ops.cast(learning_rate * self._factors[index], variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=ops.cast(gradient, variable.dtype),
        )


def make_optimizer(
    settings: TrainingSettings, schedule: LinearWarmupDecay, scale: Callable[[Any], float] = lambda _: 1.0
) -> keras.optimizers.Optimizer:
    """Returns AdamW (Loshchilov and Hutter 2019); biases and layer norms do not decay, the new head learns faster.

    Nor does a magnitude of DoRA, which begins at a pretrained kernel's length and not at 0.

    `scale` is a variable's factor on its learning rate, beside the head's own.
    """
    head = settings.head_learning_rate / settings.learning_rate if settings.head_learning_rate else 1.0

    def factor(variable: Any) -> float:
        return scale(variable) * (head if variable.path.endswith(_HEAD) else 1.0)

    # beta_2 and epsilon as in BERT's own optimizer (google-research/bert, optimization.py).
    optimizer = ScaledAdamW(
        schedule,
        weight_decay=settings.weight_decay,
        beta_2=0.999,
        epsilon=1e-6,
        scale=factor,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "dora_magnitude"])
    return optimizer
