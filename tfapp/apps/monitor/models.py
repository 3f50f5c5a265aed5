"""The models of a monitor, trained and exported here, served here or elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp_client import Client

from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.model_errors import translate_client_errors
from tfapp.registry import versions
from tfapp.workflows.remote_server import RemoteServer

__all__ = ["MonitorModels", "classifier_experiment"]


@dataclass(frozen=True)
class MonitorModels:
    """Trains and exports the models and connects to them.

    Attributes:
        home: The monitor's folder; its models are in `models`, which a server reads.
        settings: Their names, and what they are trained on.
        server: The model server; None: one is started when it is needed.
    """

    home: Path
    settings: MonitorSettings
    server: RemoteServer | None = None

    @property
    def folder(self) -> Path:
        """Returns the models folder."""
        return self.home / "models"

    def client(self) -> AbstractContextManager[Client]:
        """Yields a client of the model server."""
        return self._models.client()

    def prepare(self, *, quiet: bool = False) -> list[str]:
        """Trains and exports the classifiers that are missing, and returns a line on the quality of each.

        Raises:
            TfappError: Data, training or export.
        """
        settings = self.settings
        data_sets = {settings.topic_model: settings.topic_data, settings.sentiment_model: settings.sentiment_data}
        return [
            self._train(name, data, quiet=quiet)
            for name, data in data_sets.items()
            if data is not None and not self._models.has(name)
        ]

    def wait_until_ready(self, client: Client, seconds: float) -> None:
        """Waits until a server has loaded the models of the folder.

        Raises:
            ServerError: It did not.
        """
        names = (self.settings.topic_model, self.settings.sentiment_model, self.settings.tagger)
        for name in names:
            if name is None or not versions(self.folder, name):
                continue
            with translate_client_errors(name, where=self._models.where):
                client.wait_until_ready(name, timeout=seconds)

    def _train(self, name: str, data: str, *, quiet: bool) -> str:
        experiment = classifier_experiment(name, data, self.settings)
        version, score = self._models.train(experiment, runs=self.home / "runs", quiet=quiet)
        return f"{name}/{version} learnt from {data}: {score}"

    @property
    def _models(self) -> ApplicationModels:
        return ApplicationModels(self.folder, self.server)


def classifier_experiment(name: str, data: str, settings: MonitorSettings) -> dict[str, Any]:
    """Returns the experiment that trains a classifier's output layer on a frozen BERT.

    Args:
        name: Its name.
        data: A data set's name, or a file.
        settings: The BERT, and how much of a text it reads.
    """
    return {
        "name": name,
        "data": {"train": data},
        "model": {"preset": settings.preset, "max_length": settings.max_length, "pooling": "mean"},
        "training": {"adapt": "head"},
    }
