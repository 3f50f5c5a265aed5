"""One experiment as frozen settings: TOML in, `--set` overrides, validated with the field's name.

    settings = load_experiment("examples/bbc-news.toml", ["training.epochs=2"])

The descriptions of the fields are the reference of the settings file: `tfapp init` writes them as comments.
"""

from __future__ import annotations

from tfapp.config.experiment import Experiment, dump_toml, load_experiment, parse_experiment
from tfapp.config.settings import (
    DataSettings,
    DistillationSettings,
    ExportSettings,
    FreshSettings,
    MaskingSettings,
    ModelSettings,
    OnProblem,
    RatingSettings,
    TrainingSettings,
)

__all__ = [
    "DataSettings",
    "DistillationSettings",
    "Experiment",
    "ExportSettings",
    "FreshSettings",
    "MaskingSettings",
    "ModelSettings",
    "OnProblem",
    "RatingSettings",
    "TrainingSettings",
    "dump_toml",
    "load_experiment",
    "parse_experiment",
]
