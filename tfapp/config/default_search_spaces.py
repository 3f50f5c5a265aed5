"""The search spaces of the settings that several tasks share, for searches that are told nothing else to try.

They have the form of the section `[search]`.
"""

from __future__ import annotations

from typing import Any, Final

from tfapp.config.experiment import Experiment

__all__ = ["class_space", "fine_tuning_space", "label_space"]

_ADAPTERS: Final = {"training.adapt": ["lora", "dora", "adalora"]}
_BY_STEPS: Final = {"training.adapt": ["all", "lora", "dora", "adalora"]}
# To both sides of the settings' own rate, which is 1e-4 where nobody chose: 2e-5 to 5e-4 holds what BERTs of all sizes
# are fine-tuned with.
_RATES: Final = 5


def fine_tuning_space(experiment: Experiment) -> dict[str, Any]:
    """Returns the search space of a training by steps: rates and epochs around those of the settings."""
    rate, epochs = experiment.training.learning_rate, experiment.training.epochs
    return {
        "training.learning_rate": {"low": rate / _RATES, "high": rate * _RATES, "log": True, "when": _BY_STEPS},
        "training.epochs": {"low": max(epochs // 2, 1), "high": max(2 * epochs, 2), "when": _BY_STEPS},
        "training.batch_size": {"values": [16, 32, 64], "when": _BY_STEPS},
        "training.layer_decay": {"low": 0.8, "high": 1.0, "when": {"training.adapt": "all", "model.kind": "bert"}},
        "training.lora_rank": {"low": 4, "high": 32, "log": True, "when": _ADAPTERS},
        "training.lora_rank_stabilized": {"values": [False, True], "when": _ADAPTERS},
    }


def label_space(experiment: Experiment) -> dict[str, Any]:
    """Returns the search space of tasks that learn a label of each row: `fine_tuning_space`, dropout and pooling."""
    return {
        **fine_tuning_space(experiment),
        "model.dropout": {"low": 0.0, "high": 0.3, "when": _BY_STEPS},
        "training.word_dropout": {"values": [0.0, 0.1, 0.2], "when": _BY_STEPS},
        "model.pooling": {"values": ["cls", "mean", "max"], "when": {"training.adapt": "head", "model.kind": "bert"}},
    }


def class_space(experiment: Experiment) -> dict[str, Any]:
    """Returns the search space of tasks whose labels are classes: `label_space` and the balance of the classes."""
    balance = {"values": [0.0, 0.25, 0.5], "when": {"training.adapt": "head", "model.multi_label": False}}
    return {**label_space(experiment), "model.class_balance": balance}
