"""The settings of pretraining."""

from __future__ import annotations

from typing import Final

from tfapp.config import Experiment, TaskSettings

__all__ = ["SETTINGS"]


def _adapt(experiment: Experiment) -> str | None:
    adapt = experiment.training.adapt
    return f"training.adapt is {adapt}, but pretraining changes every weight; use adapt all" if adapt != "all" else None


def _positions(experiment: Experiment) -> str | None:
    model = experiment.model
    if model.fresh and model.fresh.positions < model.max_length:
        return (
            f"model.max_length is {model.max_length}, but model.fresh.positions {model.fresh.positions}; "
            "a BERT reads no more tokens than it has positions"
        )
    return None


SETTINGS: Final = TaskSettings(
    "pretraining", texts=("text",), reads=("model.masking", "model.fresh"), rules=(_adapt, _positions)
)
