"""Endpoints of models: their folders, and the servers that answer for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from tfapp_client import Client, VersionStatus
from tfapp_client.errors import ClientError, NotFoundError

from tfapp import registry
from tfapp.api import ServedModels
from tfapp.errors import RegistryError, ServerError, TfappError
from tfapp.web.error_messages import error_message
from tfapp.workflows import version_catalogue
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["NO_ANSWER", "ModelsConnector", "ModelsEndpoint"]

ModelsConnector: TypeAlias = "Callable[[Path], AbstractContextManager[ServedModels]]"
NO_ANSWER: Final = "no answer"
"""The status of a server that cannot be reached."""
_STATUS_SECONDS: Final = 2.0


class ModelsEndpoint:
    """A models folder and its server, which is started in the background.

    Args:
        name: In addresses: `models`, or an application's name.
        title: What people read: the folder as seen from the console's.
        folder: The models folder; it need not be there yet.
        connect: Reaches the folder's server, which may be started for it.
        wait: Longest time that a call waits for the server to start, in seconds.
    """

    def __init__(self, name: str, title: str, folder: Path, connect: ModelsConnector, *, wait: float = 60.0) -> None:
        self.name = name
        self.title = title
        self.folder = folder
        self._connect = connect
        self._wait = wait
        self._lock = threading.Lock()
        self._starting: Future[ServedModels] | None = None
        self._entered: AbstractContextManager[ServedModels] | None = None

    def models(self) -> list[CatalogueEntry]:
        """Returns the models' catalogue entries; none where the folder is missing or empty."""
        try:
            return version_catalogue.describe(self.folder)
        except RegistryError:
            if self.has_models():
                raise
            return []

    def has_models(self) -> bool:
        """Returns whether there is a model in the folder."""
        return self.folder.is_dir() and bool(registry.models(self.folder))

    def start(self) -> None:
        """Starts the server in the background, unless it runs or starts already, or there is nothing to serve."""
        with self._lock:
            has_failed = self._starting is not None and self._starting.done() and self._starting.exception() is not None
            if (self._starting is None or has_failed) and self.has_models():
                self._starting = Future()
                threading.Thread(target=self._run, args=(self._starting,), name=self.name, daemon=True).start()

    def client(self, *, wait: bool = True) -> Client:
        """Returns a client of the server; arguments and errors as of `served_models`."""
        return self.served_models(wait=wait).client

    def served_models(self, *, wait: bool = True) -> ServedModels:
        """Returns the server; `wait` waits for one that is starting.

        Raises:
            ServerError: It is still starting, or cannot start; or there is no model.
        """
        self.start()
        if self._starting is None:
            raise ServerError(f"{self.folder}: there are no models in it yet; export one with tfapp export")
        try:
            return self._starting.result(self._wait if wait else 0)
        except WaitedTooLong as error:
            raise ServerError(f"{self.folder}: its models are still being loaded; try again in a moment") from error

    @property
    def state(self) -> str:
        """Returns `ready`, `starting`, `stopped`, or why the server failed."""
        if self._starting is None:
            return "stopped"
        if not self._starting.done():
            return "starting"
        error = self._starting.exception()
        return "ready" if error is None else error_message(error) if isinstance(error, Exception) else str(error)

    def status(self, model: str) -> tuple[list[VersionStatus], str]:
        """Returns the states of a model's versions, or why they are unknown; waits for no server that starts."""
        if self.state != "ready":
            return [], self.state
        try:
            return self.client().status(model, timeout=_STATUS_SECONDS), ""
        except NotFoundError:
            return [], "not served"
        except ClientError:
            return [], NO_ANSWER

    def close(self) -> None:
        """Ends the server, if it was started."""
        with self._lock:
            future, self._starting = self._starting, None
        with suppress(WaitedTooLong):
            if future is not None and future.exception(self._wait) is None and self._entered is not None:
                self._entered.__exit__(None, None, None)

    def _run(self, future: Future[ServedModels]) -> None:
        try:
            connection = self._connect(self.folder)
            models = connection.__enter__()
            self._entered = connection
            future.set_result(models)
        except (TfappError, ClientError, OSError) as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(error)
            raise
