"""Writes the adapter that a run added to its preset to a file of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tfapp.config import Experiment
from tfapp.errors import ModelError
from tfapp.models import BertModel
from tfapp.models.adapters import AdapterFile, adapter_class
from tfapp.tasks.models import load_model
from tfapp.training import RunFolder

__all__ = ["save_adapter", "with_model"]


def save_adapter(folder: RunFolder, experiment: Experiment, file: Path) -> Path:
    """Writes a finished run's adapter and output layer, as `Run.save_adapter`.

    Raises:
        ModelError: The run is not finished, or trained more than an adapter.
    """
    if not folder.is_finished:
        raise ModelError(f"{folder.path}: the run is not finished; go on with `tfapp train ... --resume` first")
    method = experiment.training.adapt
    if method == "all":
        raise ModelError(
            f"{folder.path}: it trained every weight, so it has no adapter; train with training.adapt lora, dora, "
            "adalora or head, or export the whole model"
        )
    model: Any = load_model(folder.model)
    if folder.adapter.is_file():
        adapter = AdapterFile.load(folder.adapter)
    elif adapter_class(method) is None:
        # The backbone is still the preset's.
        adapter = AdapterFile(method, 1.0, model.fingerprint(), {})
    else:
        raise ModelError(
            f"{folder.path}: it kept no adapter, as averages of runs and runs of before do not; export the whole "
            "model, or train it again"
        )
    with_model(adapter, model, experiment.model.preset).save(file)
    return file


def with_model(adapter: AdapterFile, model: BertModel, preset: str) -> AdapterFile:
    """Returns an adapter with the model's head, arrays and description; `preset` is the backbone's."""
    description = {
        "preset": preset,
        "task": model.task.name,
        "kind": model.kind,
        "config": model.config(),
        "preprocessor": {"max_length": model.preprocessor.max_length},
    }
    head = [weight.numpy() for weight in model.weights_beside_backbone()]
    return replace(adapter, head=head, arrays=model.arrays(), model=description)
