"""Writes what a run added to its preset to a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapp.config import Experiment
from tfapp.errors import ModelError
from tfapp.models.adapters import AdapterFile, adapter_class
from tfapp.tasks.models import load_model
from tfapp.training import RunFolder

__all__ = ["save_adapter"]


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
        raise ModelError(f"{folder.path}: it kept no adapter, as a run that is an average of others; export the model")
    preprocessor = {"lowercase": model.preprocessor.lowercase, "max_length": model.preprocessor.max_length}
    identity = {"preset": experiment.model.preset, "task": model.task.name, "kind": model.kind}
    AdapterFile(
        adapter.method,
        adapter.scale,
        adapter.fingerprint,
        adapter.kernels,
        [weight.numpy() for weight in model.weights_beside_backbone()],
        model.arrays(),
        {**identity, "config": model.config(), "preprocessor": preprocessor},
    ).save(file)
    return file
