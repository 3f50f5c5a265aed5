"""The servers of a run of the suite, each started when a test first asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import grpc

from tests.conformance.calls import Calls, ModelConfig, config_text
from tests.conformance.command import ServerCommand
from tests.conformance.models import Models
from tests.conformance.process import ServerProcess

__all__ = ["Suite", "TestedServer"]

# Flags that a server built without a capability may not know.
_NEEDED: Final = {
    "rest_api_timeout_in_ms": "rest",
    "monitoring_config_file": "metrics",
    "enable_grpc_healthcheck_service": "health",
    "model_config_file_poll_wait_seconds": "config-polling",
    "file_system_poll_wait_seconds": "folder-polling",
    "max_num_load_retries": "load-retries",
    "load_retry_interval_micros": "load-retries",
    "enable_batching": "batching",
    "batching_parameters_file": "batching",
    "grpc_max_threads": "thread-limit",
    "ssl_config_file": "tls",
    "grpc_socket_path": "unix-socket",
}


class TestedServer(ServerProcess):
    """A server, its models folder and the calls to it.

    Attributes:
        folder: For all that it reads and writes.
        models: Where models are published.
        base: The configuration that it is started with.
        calls: Calls over gRPC, once it was connected.
    """

    __test__ = False
    calls: Calls

    def __init__(
        self, command: ServerCommand, folder: Path, base: Collection[ModelConfig], flags: Mapping[str, object]
    ) -> None:
        super().__init__(command, folder, config_text(*base), flags)
        self.folder = folder
        self.models = folder / "models"
        self.base = list(base)
        self._channels: list[grpc.Channel] = []

    @contextmanager
    def running(self, credentials: grpc.ChannelCredentials | None = None) -> Iterator[Self]:
        """Starts it for the block, and waits until it takes calls."""
        try:
            self.launch()
            self.wait_until_open()
            self.calls = self.connect(credentials)
            yield self
        finally:
            self.stop()

    def connect(self, credentials: grpc.ChannelCredentials | None = None, address: str | None = None) -> Calls:
        """Makes a channel, which is closed with the server."""
        to = address or self.address
        channel = grpc.insecure_channel(to) if credentials is None else grpc.secure_channel(to, credentials)
        self._channels.append(channel)
        return Calls(channel)

    def next_version(self, model: str) -> Path:
        """The folder of a model's next version, which is not there yet."""
        base = self.models / model
        return base / str(max(int(folder.name) for folder in base.iterdir()) + 1)

    def wait_until_available(self, model: str, version: int) -> None:
        """Waits for a version."""
        self.wait_for(lambda: version in self.calls.available(model))

    def stop(self) -> None:
        """Ends channels and process."""
        for channel in self._channels:
            channel.close()
        super().stop()


class Suite:
    """The server and the models that all tests share.

    Args:
        command: Starts a server.
        without: The capabilities that it lacks.
        folder: For models and servers.

    Attributes:
        without: As given.
        models: The models to publish.
    """

    def __init__(self, command: ServerCommand, without: frozenset[str], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self.without = without
        self.models = Models(folder / "templates")

    def folder(self, name: str) -> Path:
        """A folder for one server; its models go into `models` in it."""
        folder = self._folder / name
        (folder / "models").mkdir(parents=True, exist_ok=True)
        return folder

    def scratch(self) -> Path:
        """A new folder in which the servers can read and write."""
        return Path(tempfile.mkdtemp(prefix="scratch-", dir=self._folder))

    def server(self, name: str, base: Collection[ModelConfig], **flags: object) -> TestedServer:
        """Makes a server, not started; flags that belong to a capability it lacks are left out."""
        supported_flags = {flag: value for flag, value in flags.items() if _NEEDED.get(flag) not in self.without}
        return TestedServer(self._command, self.folder(name), base, supported_flags)
