"""`[training]` and `[distillation]`: how the network learns, and from whom."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["DistillationSettings", "TrainingSettings"]


class TrainingSettings(Settings):
    """How the network learns."""

    method: Literal["fine-tuning", "few-shot"] = Field(
        "fine-tuning",
        description="few-shot, of a classifier: texts with the same label are drawn together, others apart, then the "
        "output layer is fitted (after Tunstall et al. 2022). Good with 8 to 64 texts a label.",
    )
    epochs: int = Field(
        1,
        ge=0,
        description="Passes over the training texts; few-shot: partners of its label that each text meets. 0: the "
        "preset as it is, for embedding and few-shot.",
    )
    batch_size: int = Field(
        16,
        ge=1,
        description="Texts a step, over all devices together. Embedding: pairs, each told apart from the others of its "
        "batch.",
    )
    sub_batch: int | None = Field(
        None,
        ge=1,
        description="Compute so many of a batch at a time on each device: the same step in less memory. Unset: all.",
    )
    learning_rate: float = Field(1e-4, gt=0, description="Highest learning rate, reached at the end of warm-up.")
    head_learning_rate: float | None = Field(
        None, gt=0, description="The same for the output layer, which starts from nothing; unset: as learning_rate."
    )
    adapt: Literal["all", "lora", "head"] = Field(
        "all",
        description="What learns. all: every weight; lora: the head, and thin matrices beside lora_targets (Hu et al. "
        "2021); head: the head alone, fitted exactly to what the BERT reads in one pass.",
    )
    lora_rank: int = Field(8, ge=1, description="Rank of what lora adds to a kernel.")
    lora_alpha: float = Field(16.0, gt=0, description="What lora adds is multiplied by lora_alpha / lora_rank.")
    lora_targets: tuple[str, ...] = Field(
        ("query", "value"),
        min_length=1,
        description="Layers that lora adapts: query, key, value, attention_output, feedforward_intermediate_dense, "
        "feedforward_output_dense.",
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Each BERT layer's learning rate, as a share of that of the layer above it."
    )
    warmup_share: float = Field(0.1, ge=0, le=1, description="Share of all steps in which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay; biases and layer norms have none.")
    word_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the word pieces that each epoch hides as [MASK] (Dai and Le 2015): the model leans less "
        "on single words, such as names that it will not meet again. 0: none.",
    )
    sam_rho: float | None = Field(
        None,
        gt=0,
        description="Each step follows the gradient where the loss is worst within this distance of the weights that "
        "learn, as 0.05 (Foret et al. 2021, SAM): better on a few thousand texts, in twice the time. Unset: at the "
        "weights.",
    )
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this global norm.")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Evaluate and keep the moving average of the weights, of which a step leaves this share, as 0.995. "
        "Unset: the weights.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many epochs without a better dev score; unset: never (adapt head: 2 fits).",
    )
    seed: int = Field(0, ge=0, description="Seeds the head's weights, the order of the texts and dropout.")
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs and on processors that multiply it (AVX-512 BF16, AMX), else float32.",
    )
    strategy: Literal["auto", "none", "mirrored", "multi-worker"] = Field(
        "auto", description="auto: none for one device, mirrored for several GPUs, multi-worker where TF_CONFIG is set."
    )
    xla: bool | None = Field(
        None,
        description="Compile network and optimizer by XLA, as Keras does on a GPU: there, to launch ops one by one "
        "takes longer than the ops. Compiling takes minutes. Unset: for 2000 steps and more on one GPU.",
    )
    deterministic: bool = Field(True, description="The same seed gives the same metrics twice on a CPU.")
    checkpoint_steps: int = Field(
        50,
        ge=1,
        description="Steps between two checkpoints that --resume can go on from; more where writing them would take "
        "over 2 % of the time.",
    )
    log_steps: int = Field(10, ge=1, description="Steps between two points of the training curves.")


class DistillationSettings(Settings):
    """A finished run whose answers and vectors the model learns to give, beside the labels."""

    teacher: str = Field(description="The teacher's run: runs/NAME, for its newest, or runs/NAME/TIME.")
    layers: int | None = Field(
        None,
        ge=1,
        description="The student is so many layers of the teacher's BERT, evenly chosen; unset: it is model.preset.",
    )
    temperature: float = Field(2.0, gt=0, description="Softens the probabilities of both (Hinton et al. 2015).")
    soft_weight: float = Field(
        0.5, ge=0, le=1, description="Share of the teacher's answers in the loss; the rest is the labels'."
    )
    hidden_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of the distance between the vectors that each of the student's layers and its teacher's "
        "make of a token; needs both to have the same width. 0: the teacher reads each text once only.",
    )
