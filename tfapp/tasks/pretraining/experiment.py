"""The experiment of a pretraining, from a file of texts or from a settings file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp.core.files import safe_name
from tfapp.errors import SettingsError
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.pretraining.settings import SETTINGS

if TYPE_CHECKING:
    from tfapp.config import Experiment

__all__ = ["pretraining_experiment"]


def pretraining_experiment(
    source: Path,
    overrides: Iterable[str] = (),
    *,
    name: str | None = None,
    preset: str | None = None,
    from_scratch: bool = False,
) -> Experiment:
    """Returns the settings of a pretraining.

    Args:
        source: A file or a folder of texts, or a settings file, whose name ends in `.toml`.
        overrides: `section.name=value` items.
        name: With texts: the experiment's name; by default the file's.
        preset: With texts: the BERT to continue with; by default that of `model.preset`.
        from_scratch: With texts: start from random weights.

    Raises:
        SettingsError: A setting breaks its rule, or the settings file has one of the others, or another task.
    """
    if source.suffix == ".toml":
        options = {"--name": name, "--preset": preset, "--from-scratch": from_scratch}
        option_names = ", ".join(option for option, value in options.items() if value)
        if option_names:
            raise SettingsError(
                f"{option_names}: goes with a file of texts; in a settings file, set it there or with --set"
            )
        experiment = load_experiment(source, overrides)
        if experiment.task != SETTINGS.name:
            rule = f'`tfapp pretrain` needs task = "{SETTINGS.name}"'
            raise SettingsError(f"{source}: its task is {experiment.task}; {rule}")
        return experiment
    model: dict[str, Any] = ({"preset": preset} if preset else {}) | ({"fresh": {}} if from_scratch else {})
    data = {"train": str(source), "dev_share": 0.05, "test_share": 0.0}
    model_name = name if name is not None else safe_name(source.stem) or SETTINGS.name
    return parse_experiment({"name": model_name, "task": SETTINGS.name, "data": data, "model": model}, overrides)
