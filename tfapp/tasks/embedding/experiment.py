"""The experiment that makes a preset's embeddings a model, without data and without training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfapp.core.files import safe_name
from tfapp.tasks.embedding.settings import SETTINGS
from tfapp.tasks.experiments import parse_experiment

if TYPE_CHECKING:
    from tfapp.config import Experiment

__all__ = ["preset_experiment"]


def preset_experiment(preset: str, overrides: Iterable[str] = (), *, name: str | None = None) -> Experiment:
    """Returns the settings of a model that is a preset as it is.

    Args:
        preset: As `model.preset`.
        overrides: `section.name=value` items.
        name: The model's name; by default the preset's.

    Raises:
        SettingsError: A setting has an unknown name or breaks its rule.
    """
    model_name = name or safe_name(Path(preset).name) or SETTINGS.name
    # There are no data, but an experiment names some.
    sections = {"data": {"train": "none"}, "model": {"preset": preset}, "training": {"epochs": 0}}
    return parse_experiment({"name": model_name, "task": SETTINGS.name, **sections}, overrides)
