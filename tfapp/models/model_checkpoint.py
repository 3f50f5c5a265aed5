"""Saves a model in a folder and loads it: its config as JSON, its weights, and further learnt arrays."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
from tfapp_client import contract

from tfapp.core.files import replacing, write_json
from tfapp.errors import ModelError
from tfapp.models.preprocessor import Preprocessor

__all__ = ["ModelCheckpoint"]

_CONFIG = "model.json"
_WEIGHTS = "model.weights.h5"
_ARRAYS = "arrays.npz"


class ModelCheckpoint(abc.ABC):
    """A model that can be written to a folder, and read again by `tfapp.tasks.models.load_model`."""

    task: ClassVar[contract.Task]
    kind: ClassVar[str]
    network: keras.Model
    preprocessor: Preprocessor

    @abc.abstractmethod
    def config(self) -> dict[str, Any]:
        """Returns JSON values from which `from_config` builds the same network, without its weights."""

    @classmethod
    @abc.abstractmethod
    def from_config(cls, config: dict[str, Any], preprocessor: Preprocessor, *, dtype: str) -> Self:
        """Builds the network that `config` described, with untrained weights."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays that `save` keeps beside the network's weights and the config, by name."""
        return {}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:  # noqa: B027 - most models have none
        """Loads the arrays that `arrays` returned when the model was saved."""

    def save(self, folder: Path) -> None:
        """Writes everything that `load` needs into an existing folder; `model.json` appears last, by rename."""
        values: dict[str, Any] = {"task": self.task.name, "kind": self.kind, "config": self.config()}
        values["preprocessor"] = self.preprocessor.save(folder)
        with replacing(folder / _WEIGHTS) as draft:
            self.network.save_weights(draft)
        if arrays := self.arrays():
            with replacing(folder / _ARRAYS) as draft:
                np.savez(draft, allow_pickle=False, **arrays)
        write_json(folder / _CONFIG, values)

    def load_weights(self, folder: Path) -> None:
        """Takes the weights that `save` wrote into a folder."""
        self.network.load_weights(folder / _WEIGHTS)
        if (folder / _ARRAYS).exists():
            with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
                self.load_arrays(arrays)

    @staticmethod
    def is_saved(folder: Path) -> bool:
        """Returns whether `save` wrote a whole model into a folder."""
        return (folder / _CONFIG).is_file()

    @staticmethod
    def read_config(folder: Path) -> dict[str, Any]:
        """Reads the JSON values that `save` wrote into a folder.

        Raises:
            ModelError: The folder holds no saved model.
        """
        try:
            return dict(json.loads((folder / _CONFIG).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise ModelError(f"{folder}: no trained model there (no {_CONFIG}); was the run stopped early?") from error
