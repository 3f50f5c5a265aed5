"""Defines the sections `[training]` and `[distillation]`: how the network learns, and from whom."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from tfapp.config.settings.augment import AugmentSettings
from tfapp.config.settings.base import Settings

__all__ = ["DistillationSettings", "TrainingSettings"]


class TrainingSettings(Settings):
    """The settings of the training."""

    epochs: int = Field(
        1,
        ge=0,
        description="Passes over the training texts. 0, for models without an output layer: use the preset unchanged.",
    )
    batch_size: int = Field(
        16,
        ge=1,
        description="Texts, or pairs of texts, per step, over all devices together.",
    )
    sub_batch: int | None = Field(
        None,
        ge=1,
        description="How many texts of a batch a device computes at a time: same step, less memory. By default all.",
    )
    learning_rate: float = Field(1e-4, gt=0, description="Highest learning rate, reached at the end of warm-up.")
    head_learning_rate: float | None = Field(
        None, gt=0, description="Learning rate of the output layer, which starts at random; by default learning_rate."
    )
    head_start: Literal["random", "fitted"] = Field(
        "random",
        description="What the output layer starts with. fitted: it is fitted to the preset's vectors before the first "
        "step (Kumar et al. 2022), so that few steps suffice, and no epoch that is worse than this is kept.",
    )
    adapt: Literal["all", "lora", "dora", "adalora", "head"] = Field(
        "all",
        description="Which weights are trained. all: every weight; lora: the head, and thin matrices beside "
        "lora_targets (Hu et al. 2021); dora: these, and the length of each kernel's columns apart (Liu et al. 2024); "
        "adalora: thin matrices whose ranks the training divides among the kernels (Zhang et al. 2023); head: only the "
        "head, fitted exactly to the BERT's output of one pass.",
    )
    lora_rank: int = Field(
        8,
        ge=1,
        description="The rank of the matrix that lora and dora add to a kernel. adalora begins with 1.5 times as many, "
        "and ends with as many in the mean.",
    )
    lora_alpha: float = Field(16.0, gt=0, description="The added matrix is multiplied by lora_alpha / lora_rank.")
    lora_rank_stabilized: bool = Field(
        False,
        description="Multiply it by lora_alpha / sqrt(lora_rank) instead (Kalajdzievski 2023), so that large ranks "
        "learn as fast as small ones.",
    )
    lora_targets: tuple[str, ...] = Field(
        ("query", "value"),
        min_length=1,
        description="The layers that lora, dora and adalora adapt, of query, key, value, attention_output, "
        "feedforward_intermediate_dense, feedforward_output_dense.",
    )
    adalora_warmup_share: float = Field(
        0.1, ge=0, le=1, description="The share of all steps before adalora takes the first ranks away."
    )
    adalora_final_share: float = Field(
        0.4, ge=0, le=1, description="The share of all steps after adalora has taken the last ranks away."
    )
    adalora_interval: int = Field(10, ge=1, description="Steps between two times that adalora divides the ranks.")
    adalora_orthogonality: float = Field(
        0.1, ge=0, description="How much the loss of adalora weighs that its matrices are not orthogonal."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Each BERT layer's learning rate, relative to that of the layer above it."
    )
    warmup_share: float = Field(0.1, ge=0, le=1, description="Share of all steps in which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay; biases and layer norms have none.")
    word_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="The share of word pieces that each epoch replaces by [MASK] (Dai and Le 2015), so that the model "
        "depends less on single words, such as names that do not occur again.",
    )
    sam_rho: float | None = Field(
        None,
        gt=0,
        description="Sharpness-aware minimization (Foret et al. 2021): each step follows the gradient where the loss "
        "is highest within this distance of the weights, such as 0.05. It is better with a few thousand texts, and "
        "takes twice the time. By default off.",
    )
    fgm_epsilon: float | None = Field(
        None,
        gt=0,
        description="Adversarial embeddings (Miyato et al. 2017): each text is learnt a second time with its tokens' "
        "vectors moved by this length to where the loss is higher, such as 1. It takes more than twice the time. By "
        "default off.",
    )
    r_drop_alpha: float | None = Field(
        None,
        gt=0,
        description="R-Drop (Liang et al. 2021): each text passes through dropout twice, and this is the weight of the "
        "divergence of both answers in the loss, such as 1. It takes twice the time. By default off.",
    )
    clip_norm: float = Field(1.0, gt=0, description="Larger gradients are scaled down to this global norm.")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Evaluate and keep a moving average of the weights with this decay per step, such as 0.995. By "
        "default off.",
    )
    head_penalty: Literal["dev", "cross-validation"] = Field(
        "dev",
        description="Where the output layer is fitted, as by adapt head: what chooses the penalty on its weights. dev: "
        "the loss on dev; cross-validation: five folds of train, for few texts. Then dev is evaluated, and the layer "
        "is fitted again to train and dev together, and calibrated by the folds.",
    )
    epoch_tolerance: float = Field(
        0.0,
        ge=0,
        description="Keep a later epoch though its dev score is lower, by up to so many standard errors of the score: "
        "few dev texts cannot tell epochs apart, and the last one has seen the most. 0 keeps the best on dev.",
    )
    keep_epochs: bool = Field(
        False,
        description="Keep the weights of each epoch in the run's folder, so that `tfapp runs average RUN --epochs` can "
        "average them. Each takes as much room as the model.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many epochs without a better dev score; by default never (adapt head: 2 fits).",
    )
    seed: int = Field(0, ge=0, description="The seed of the head's weights, the order of the texts and dropout.")
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs and on processors that multiply it (AVX-512 BF16, AMX), else float32.",
    )
    strategy: Literal["auto", "none", "mirrored", "multi-worker"] = Field(
        "auto", description="auto: none for one device, mirrored for several GPUs, multi-worker if TF_CONFIG is set."
    )
    xla: bool | None = Field(
        None,
        description="Compile network and optimizer by XLA, as Keras does on a GPU, where launching single ops takes "
        "longer than computing them. Compilation takes minutes. By default on from 2000 steps on one GPU.",
    )
    calibrate: bool = Field(
        True,
        description="After training, fit a temperature (Guo et al. 2017) on dev, so that probabilities say how often "
        "the model is right, in the served model too. Answers do not change. Takes at least 100 rows in dev.",
    )
    deterministic: bool = Field(True, description="Whether the same seed gives the same metrics again on a CPU.")
    checkpoint_steps: int = Field(
        50,
        ge=1,
        description="Steps between two checkpoints for --resume; more, if writing them takes over 2 % of the time.",
    )
    log_steps: int = Field(10, ge=1, description="Steps between two points of the training curves.")
    augment: AugmentSettings = AugmentSettings()

    # A task whose training has another method overrides the properties below; rules and estimates ask them.

    @property
    def fits_head(self) -> bool:
        """Returns whether the output layer is fitted at once, where it can be, and not learnt by steps."""
        return self.adapt == "head"

    @property
    def compares_vectors(self) -> bool:
        """Returns whether steps compare the vector of a text with that of a partner, which they read, too."""
        return False

    @property
    def evaluates_epochs(self) -> bool:
        """Returns whether dev chooses the best epoch; else the model is made after the last, and epochs may be 0."""
        return True

    @property
    def penalty_split(self) -> Literal["dev", "cross-validation"]:
        """Returns what chooses the penalty of the output layer: `head_penalty`, where folds of train may do so."""
        return self.head_penalty


class DistillationSettings(Settings):
    """Finished runs whose answers and vectors the model learns to give, beside the labels."""

    teacher: str | tuple[str, ...] = Field(
        description="The teacher's run: runs/NAME for its newest run, or runs/NAME/TIME. Or a list of runs, whose "
        "probabilities are averaged (an ensemble)."
    )
    layers: int | None = Field(
        None,
        ge=1,
        description="The student gets this many layers of the teacher, evenly chosen; by default it is model.preset.",
    )
    temperature: float = Field(2.0, gt=0, description="Softens both models' probabilities (Hinton et al. 2015).")
    soft_weight: float = Field(
        0.5, ge=0, le=1, description="The share of the teacher's answers in the loss; the labels have the rest."
    )
    hidden_weight: float = Field(
        1.0,
        ge=0,
        description="The weight of the distance between the vectors that a layer of the student and one of the "
        "teacher make of a token; both must have the same width. With 0, the teacher reads each text only once.",
    )

    @field_validator("teacher", mode="before")
    @classmethod
    def _names_runs(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if (
            not isinstance(names, list | tuple)
            or not names
            or not all(name and isinstance(name, str) for name in names)
        ):
            raise ValueError(f"must name a run, such as runs/NAME, or a list of one or more runs, got {value!r:.200}")
        return value

    @property
    def teachers(self) -> tuple[str, ...]:
        """Returns the runs of all teachers."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher
