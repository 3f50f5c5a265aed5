"""The settings of classification."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from tfapp.config import Experiment, ModelSettings, TaskSettings, TrainingSettings
from tfapp.config.default_search_spaces import class_space
from tfapp.config.label_settings import CLASS_SETTINGS
from tfapp.config.rules import find_step_setting

__all__ = ["SETTINGS", "ClassificationModelSettings", "ClassificationTrainingSettings"]


class ClassificationModelSettings(ModelSettings):
    """The settings of the network that classifies, and of what it reads of a text."""

    window: int | None = Field(
        None,
        ge=4,
        description="Longer texts are read in windows of at most this many tokens, and averaged; by default whole.",
    )
    embedding_dim: int = Field(64, ge=1, description="The width of the lstm baseline's embedding.")
    lstm_units: int = Field(64, ge=1, description="The width of the lstm baseline's hidden state.")


class ClassificationTrainingSettings(TrainingSettings):
    """The settings of the training, which may be one from few texts."""

    method: Literal["fine-tuning", "few-shot"] = Field(
        "fine-tuning",
        description="few-shot, for 8 to 64 texts per label: pull the vectors of texts with the same label together, "
        "others apart, then fit the output layer (after Tunstall et al. 2022).",
    )

    @property
    def is_few_shot(self) -> bool:
        """Returns whether `method` is few-shot."""
        return self.method == "few-shot"

    @property
    def fits_head(self) -> bool:
        """Returns whether the output layer is fitted at once, as the method few-shot does at its end."""
        return self.is_few_shot or super().fits_head

    @property
    def compares_vectors(self) -> bool:
        """Returns whether steps compare the vectors of texts, as the method few-shot does."""
        return self.is_few_shot

    @property
    def evaluates_epochs(self) -> bool:
        """Returns whether dev chooses the best epoch; the method few-shot takes the last."""
        return not self.is_few_shot

    @property
    def penalty_split(self) -> Literal["dev", "cross-validation"]:
        """Returns what chooses the penalty of the output layer: dev, if the vectors were taught by all of train."""
        # They have learnt its classes, and leave no fold to say how others lie.
        return "dev" if self.is_few_shot and self.epochs else self.head_penalty


def _is_few_shot(experiment: Experiment) -> bool:
    return ClassificationTrainingSettings.of(experiment.training).is_few_shot


def _few_shot(experiment: Experiment) -> str | None:
    model, training, data = experiment.model, experiment.training, experiment.data
    if not _is_few_shot(experiment):
        return None
    without_dev = not (data.dev or data.dev_share)
    rules = {
        f"cannot train a {model.kind}; use method fine-tuning": model.kind != "bert",
        "needs one label a text; set model.multi_label = false, or use method fine-tuning": model.multi_label,
        'compares the mean or maximum of the tokens; set model.pooling = "mean", or remove it': model.pooling == "cls",
        "and adapt head exclude each other: head leaves the BERT as it is": training.adapt == "head",
        "has no steps that a teacher could guide; remove the section distillation": experiment.distillation is not None,
        "needs a dev split to find the limit of data.unknown_label; set data.dev_share over 0, or give data.dev": (
            data.unknown_label is not None and without_dev
        ),
    }
    return next((f"training.method few-shot {rule}" for rule, is_broken in rules.items() if is_broken), None)


def _few_shot_steps(experiment: Experiment) -> str | None:
    """Refuses what steps of the output layer would read, beside a method that fits it."""
    training = experiment.training
    if not _is_few_shot(experiment):
        return None
    setting = find_step_setting(training)
    if setting:
        return f"{setting}, but a contrastive training ends with a head that is fitted at once; remove one of both"
    if training.head_start == "fitted":
        return (
            "training.head_start fitted and a contrastive method, which fits the output layer at its end, exclude "
            "each other"
        )
    return None


def _whole_texts(experiment: Experiment) -> str | None:
    distillation, window = experiment.distillation, ClassificationModelSettings.of(experiment.model).window
    if window is None or distillation is None or not distillation.hidden_weight:
        return None
    return (
        "distillation.hidden_weight and model.window exclude each other: vectors are compared over whole texts; set "
        "hidden_weight = 0, or remove window"
    )


def _search_space(experiment: Experiment) -> dict[str, Any]:
    space = class_space(experiment)
    if _is_few_shot(experiment):
        del space["training.word_dropout"]
    return space


SETTINGS: Final = TaskSettings(
    "classification",
    texts=("text",),
    reads=(*CLASS_SETTINGS, "model.temperature"),
    model=ClassificationModelSettings,
    training=ClassificationTrainingSettings,
    rules=(_few_shot, _whole_texts, _few_shot_steps),
    kinds=("bert", "lstm"),
    fits_head=True,
    notes={
        "data.dev_share": "0, for method few-shot: no dev split.",
        "model.kind": "lstm: a small baseline that starts at random.",
        "model.pooling": "Method few-shot compares vectors.",
        "model.temperature": "Method few-shot compares vectors.",
        "training.epochs": "For few-shot: how many partners of its label each text is paired with; 0: use the preset "
        "unchanged.",
        "training.head_penalty": "Method few-shot fits the output layer, too; with epochs, dev always chooses.",
    },
    search=_search_space,
    summary="labels for texts",
)
