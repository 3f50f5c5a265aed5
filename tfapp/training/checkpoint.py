"""Checkpoints that a killed run goes on from: one file, replaced by rename."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tfapp.core.files import replacing
from tfapp.errors import TrainingError

__all__ = ["load_checkpoint", "save_checkpoint"]

_META = "meta"


def save_checkpoint(file: Path, variables: Sequence[Any], state: dict[str, Any]) -> None:
    """Writes variables, always in the same order, and a state of JSON values to an `.npz` file, by rename."""
    arrays: dict[str, Any] = {f"{index:05d}": variable.numpy() for index, variable in enumerate(variables)}
    arrays[_META] = np.array(json.dumps(state))
    with replacing(file) as draft:
        np.savez(draft, **arrays)


def load_checkpoint(file: Path, variables: Sequence[Any]) -> dict[str, Any]:
    """Assigns the variables and returns the state that `save_checkpoint` wrote.

    Raises:
        TrainingError: The checkpoint is damaged or of another model; no variable was changed.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise TrainingError(f"{file}: the checkpoint cannot be read; start a new run without --resume") from error
    state = arrays.pop(_META, None)
    shapes = {f"{index:05d}": tuple(variable.shape) for index, variable in enumerate(variables)}
    if state is None or shapes != {name: array.shape for name, array in arrays.items()}:
        raise TrainingError(f"{file}: the checkpoint is of another model; start a new run without --resume")
    for index, variable in enumerate(variables):
        variable.assign(arrays[f"{index:05d}"])
    return dict(json.loads(str(state)))
