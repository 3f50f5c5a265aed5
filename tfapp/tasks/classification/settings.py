"""The settings of classification."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tfapp.config import Experiment, ModelSettings, TaskSettings, TrainingSettings
from tfapp.config.default_search_spaces import class_space
from tfapp.config.label_settings import CLASS_SETTINGS

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
    def is_contrastive(self) -> bool:
        """Returns whether it is the method few-shot."""
        return self.method == "few-shot"


def _few_shot(experiment: Experiment) -> str | None:
    model, training, data = experiment.model, experiment.training, experiment.data
    if not training.is_contrastive:
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


def _whole_texts(experiment: Experiment) -> str | None:
    distillation, window = experiment.distillation, ClassificationModelSettings.of(experiment.model).window
    if window is None or distillation is None or not distillation.hidden_weight:
        return None
    return (
        "distillation.hidden_weight and model.window exclude each other: vectors are compared over whole texts; set "
        "hidden_weight = 0, or remove window"
    )


SETTINGS: Final = TaskSettings(
    "classification",
    texts=("text",),
    reads=(*CLASS_SETTINGS, "model.temperature"),
    model=ClassificationModelSettings,
    training=ClassificationTrainingSettings,
    rules=(_few_shot, _whole_texts),
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
    search=class_space,
    summary="labels for texts",
)
