"""The server: its models, its listeners, its start and its stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tfapp_client import contract

from tfapp import registry
from tfapp.core.ports import join_address
from tfapp.errors import ServerError
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.grpc.listener import GrpcListener
from tfapp.server.listener import ConcurrencyLimiter, Listener, ListenerContext
from tfapp.server.loading.config_file_watcher import ConfigFileWatcher, FolderConfig
from tfapp.server.loading.model_manager import Loader, ModelManager
from tfapp.server.loading.model_source import FolderSource, ModelSource, ServedModel, read_served_models
from tfapp.server.metrics import Metrics
from tfapp.server.servables.request_limits import RequestLimits
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.warmup import warm_up
from tfapp.server.settings import ServerSettings

if TYPE_CHECKING:
    from tfapp.server.rest.listener import RestListener

__all__ = ["ModelServer", "configured_server", "folder_server", "running_server", "single_server"]

# Makes a listener, with what all of them have in common.
ListenerMaker: TypeAlias = Callable[[ListenerContext], Listener]

# What gRPC takes beyond the drain to end the calls that it has cut off.
_CUT_SECONDS: Final = 5.0


class ModelServer:
    """A model server, with its ports and its models.

    Args:
        source: Tells the models to serve.
        settings: How to listen, poll and stop.
        load: Loads one version; None: SavedModels, batched and warmed up.
        follow: A model config file to read again and again; its models take the place of the source's.
        listeners: Ways in beside gRPC, and REST where the settings have a port for it.

    Attributes:
        manager: What is loaded.
        settings: The settings.
        metrics: What is counted.
    """

    def __init__(
        self,
        source: ModelSource,
        settings: ServerSettings | None = None,
        *,
        load: Loader | None = None,
        follow: Path | None = None,
        listeners: Sequence[ListenerMaker] = (),
    ) -> None:
        self.settings = settings or ServerSettings()
        self.metrics = Metrics()
        batching = self.settings.batching
        self._scheduler = BatchScheduler(batching, metrics=self.metrics) if batching else None
        self.manager = ModelManager(
            source,
            load or _loader(self.settings, self._scheduler, self.metrics),
            max_load_retries=self.settings.max_num_load_retries,
            retry_seconds=self.settings.load_retry_interval_micros / 1e6,
            drain_seconds=self.settings.drain_seconds,
        )
        allow = self.settings.allow_version_labels_for_unavailable_models
        self._config_watcher = ConfigFileWatcher(follow, self.manager, allow_unavailable=allow) if follow else None
        context = ListenerContext(
            self.manager, self.settings, ConcurrencyLimiter(self.settings.grpc_max_threads), self.metrics
        )
        self._grpc = GrpcListener(context)
        self._rest: RestListener | None = None
        self._listeners: list[Listener] = [self._grpc]
        if self.settings.rest_api_port is not None:
            # Who serves gRPC alone need not load an HTTP server.
            from tfapp.server.rest.listener import RestListener

            self._rest = RestListener(context)
            self._listeners.append(self._rest)
        self._listeners += [make(context) for make in listeners]

    @property
    def port(self) -> int:
        """Returns the gRPC port it listens on; 0 before `start`."""
        return self._grpc.port

    @property
    def address(self) -> str:
        """Returns the address, HOST:PORT, at which this machine calls it."""
        return self._join(self.port)

    @property
    def rest_port(self) -> int | None:
        """Returns the REST port it listens on; 0 before `start`, None where it has none."""
        return None if self._rest is None else self._rest.port

    @property
    def rest_address(self) -> str | None:
        """Returns the REST address, HOST:PORT, at which this machine calls it; None where it has none."""
        return None if self._rest is None else self._join(self._rest.port)

    def _join(self, port: int) -> str:
        host = {"0.0.0.0": "localhost", "::": "localhost"}.get(self.settings.host, self.settings.host)
        return join_address(host, port)

    def start(self) -> None:
        """Loads the models, then opens the ports.

        Raises:
            ServerError: A port is taken, no model loads, or a label points at a version that is not loaded.
        """
        for listener in self._listeners:
            listener.check()
        self.manager.poll()
        if not self.manager.available():
            raise ServerError(_load_failures(self.manager))
        for listener in self._listeners:
            listener.start()
        self.manager.start(self.settings.file_system_poll_wait_seconds)
        if self._config_watcher is not None:
            self._config_watcher.start(self.settings.model_config_file_poll_wait_seconds)

    def stop(self) -> bool:
        """Refuses new calls, finishes running ones within the drain time, and unloads the models.

        Returns:
            Whether every call ended; False: one was cut off and still runs.
        """
        end = time.monotonic() + self.settings.drain_seconds + _CUT_SECONDS
        if self._config_watcher is not None:
            self._config_watcher.stop()
        for listener in self._listeners:
            listener.refuse(self.settings.drain_seconds)
        results = [listener.wait(max(0.0, end - time.monotonic())) for listener in self._listeners]
        if self._scheduler is not None:
            self._scheduler.stop()
        return self.manager.stop() and all(results)


@contextmanager
def running_server(
    models: Path | str, *, names: Collection[str] = (), settings: ServerSettings | None = None, port: int | None = None
) -> Iterator[ModelServer]:
    """Serves a models folder during the block.

    Args:
        models: The models folder.
        names: The models to serve; none: all in the folder, and those that appear later.
        settings: How to listen, poll and stop.
        port: Takes the place of the settings' port; 0: any free one.

    Yields:
        The server, ready: every model that loads is loaded and warmed up.

    Raises:
        RegistryError: There is no such folder, or no model in it.
        ServerError: The port is taken, or no model loads.
    """
    settings = settings or ServerSettings()
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    server = folder_server(models, names, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def folder_server(
    models: Path | str, names: Collection[str] = (), settings: ServerSettings | None = None
) -> ModelServer:
    """Returns a server of a models folder, with the labels and policies of the `models.config` in it, if there is one.

    Args:
        models: The models folder.
        names: The models to serve; none: all in the folder, and those that appear later.
        settings: How to listen, poll and stop.

    Returns:
        The server, not started.

    Raises:
        RegistryError: There is no such folder, no model in it, or none of a given name.
        SettingsError: The `models.config` in it is malformed or breaks a rule.
    """
    config = FolderConfig(Path(models).absolute() / registry.CONFIG_FILE)
    return ModelServer(FolderSource(models, names, config), settings)


def single_server(name: str, base_path: Path | str, settings: ServerSettings | None = None) -> ModelServer:
    """Returns a server of one model.

    Args:
        name: What callers name it.
        base_path: The folder that holds its versions.
        settings: How to listen, poll and stop.

    Returns:
        The server, not started.
    """
    model = ServedModel(name, Path(base_path).absolute())
    return ModelServer(lambda: [model], settings)


def configured_server(config: Path | str, settings: ServerSettings | None = None) -> ModelServer:
    """Returns a server of the models that a model config file names.

    Args:
        config: The file, read again every `model_config_file_poll_wait_seconds`.
        settings: How to listen, poll and stop.

    Returns:
        The server, not started.

    Raises:
        SettingsError: The file cannot be read, is malformed, or breaks a rule.
        ServerError: It has labels, which a server may only take at its start where that is allowed.
    """
    settings = settings or ServerSettings()
    models = read_served_models(config)
    model = next((model for model in models if model.labels), None)
    if model is not None and not settings.allow_version_labels_for_unavailable_models:
        version = next(iter(model.labels.values()))
        raise ServerError(
            f"{config}: Request to assign label to version {version} of model {model.name}, which is not currently "
            "available for inference: no version is when a server starts; allow it with "
            "--allow_version_labels_for_unavailable_models"
        )
    return ModelServer(lambda: models, settings, follow=Path(config))


def _loader(settings: ServerSettings, scheduler: BatchScheduler | None, metrics: Metrics) -> Loader:
    limits = RequestLimits(settings.max_request_rows)
    allow_unsafe = settings.allow_unsafe_ops

    def load(name: str, version: int, folder: Path) -> Servable:
        path = str(folder)
        with metrics.load(path):
            servable = Servable(name, version, folder, scheduler, limits, allow_unsafe_ops=allow_unsafe)
        if (folder / contract.WARMUP_FILE).exists():
            with metrics.warm_up(path):
                metrics.warmup_records.add((path,), warm_up(servable, folder))
        return servable

    return load


def _load_failures(manager: ModelManager) -> str:
    failures = manager.failures()
    if not failures:
        return "there is no version to serve; publish one with `tfapp export`"
    name, version, reason = failures[0]
    return f"no model could be loaded; model {name} version {version}: {reason}"
