"""The models of an application, served by a server that is started when it is needed, or by one elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp_client import Client
from tfapp_client.errors import ClientError

from tfapp import api
from tfapp.apps.shared.model_errors import translate_client_errors
from tfapp.core.remote_server import RemoteServer
from tfapp.registry import LabelStore, versions
from tfapp.tasks.experiments import parse_experiment

__all__ = ["ApplicationModels"]


@dataclass(frozen=True)
class ApplicationModels:
    """The models of an application and how they are reached.

    Attributes:
        folder: The models folder.
        remote: A server that runs elsewhere; None: one is started on the folder when it is needed.
    """

    folder: Path
    remote: RemoteServer | None = None

    @property
    def where(self) -> str:
        """Returns the server, as errors name it."""
        return self.remote.address if self.remote else "the embedded server"

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Yields a client of the model server."""
        if self.remote is not None:
            with self.remote.client() as client:
                yield client
        else:
            with api.serve(self.folder) as server:
                yield server.client

    def has(self, model: str) -> bool:
        """Returns whether a version of a model is in the folder or is served elsewhere."""
        return bool(versions(self.folder, model)) or self._serves(model)

    def wait_until_ready(self, client: Client, model: str, seconds: float) -> None:
        """Waits until the server has loaded a model of the folder; one that is not there is not waited for.

        Raises:
            ServerError: It did not load it in time.
        """
        if versions(self.folder, model):
            with translate_client_errors(model, where=self.where):
                client.wait_until_ready(model, timeout=seconds)

    def train(
        self, experiment: Mapping[str, Any], *, runs: Path, of: str = "texts", quiet: bool = False
    ) -> tuple[int, str]:
        """Trains a model and exports it into the folder.

        Args:
            experiment: The settings.
            runs: The folder of runs.
            of: What the texts are called.
            quiet: Show no progress.

        Returns:
            Its version, and how good it is, in words.

        Raises:
            TfappError: Data, training or export.
        """
        run = api.fit(parse_experiment(dict(experiment)), runs=runs, quiet=quiet)
        version, score = api.export(run, self.folder, quiet=quiet), run.evaluation
        summary = f"{score.main_name} {score.main_score:.3f} on {score.count} held-out {of}"
        note = self.promotion_hint(version.parent.name, int(version.name))
        return int(version.name), "; ".join(filter(None, (summary, note)))

    def promotion_hint(self, name: str, version: int) -> str:
        """Returns the command that promotes a version which labels keep from being served; empty where it is served."""
        if version in LabelStore.open(self.folder).served_versions(name):
            return ""
        return f"not served before `tfapp models promote {name} {version} --models {self.folder}`"

    def _serves(self, model: str) -> bool:
        if self.remote is None:
            return False
        with self.remote.client() as client:
            try:
                return any(status.available for status in client.status(model))
            except ClientError:
                return False
