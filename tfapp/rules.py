"""What the settings of one experiment must be to each other, beside the rule of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapp.config import Experiment

__all__ = ["broken_rule"]


def broken_rule(experiment: Experiment) -> str | None:
    """Finds settings that do not go together.

    Returns:
        What is wrong and the way out, in words; None where nothing is.
    """
    rules = (_pretraining, _distillation)
    return next((problem for rule in rules if (problem := rule(experiment))), None)


def _pretraining(experiment: Experiment) -> str | None:
    model, adapt = experiment.model, experiment.training.adapt
    if experiment.task != "pretraining":
        return None
    if adapt != "all":
        return f"training.adapt is {adapt}, but pretraining changes every weight; use adapt all"
    if model.fresh and model.fresh.positions < model.max_length:
        return (
            f"model.max_length is {model.max_length}, but model.fresh.positions {model.fresh.positions}; "
            "a BERT reads no more tokens than it has positions"
        )
    return None


def _distillation(experiment: Experiment) -> str | None:
    model, training = experiment.model, experiment.training
    if experiment.distillation is None:
        return None
    if model.kind != "bert":
        return f"model.kind is {model.kind}, but distillation makes a small BERT; use kind bert"
    if training.adapt == "head":
        return "training.adapt is head, but distillation trains the layers below it; use adapt all or lora"
    if experiment.distillation.hidden_weight and model.window:
        return (
            "distillation.hidden_weight and model.window exclude each other: vectors are compared over whole texts; "
            "set hidden_weight = 0, or remove window"
        )
    return None
