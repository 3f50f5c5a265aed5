"""A server under test: a process of its own."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests import processes
from tests.conformance.command import ServerCommand

__all__ = ["ServerProcess"]

_HOST: Final = "127.0.0.1"
_LONGEST_SECONDS: Final = 60


class ServerProcess:
    """Starts the command on a model config and free ports.

    Args:
        command: The command.
        folder: A folder of its own; the server's output goes there, too.
        config: The model config, in text format.
        flags: More of TensorFlow Serving's flags.

    Attributes:
        config_file: The model config.
        port: The gRPC port.
        rest_port: The REST port; 0, set before the start: none.
        flags: As given.
    """

    def __init__(self, command: ServerCommand, folder: Path, config: str, flags: Mapping[str, object]) -> None:
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[Any] | None = None
        self.flags = dict(flags)
        self.config_file = folder / "models.config"
        self.config_file.write_text(config, encoding="utf-8")
        self.port, self.rest_port = _free_ports()

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process that the command started."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Starts the process, without waiting for it."""
        values = {
            "model_config_file": self.config_file,
            "port": self.port,
            "rest_port": self.rest_port,
            # Beside its own there are those that tests make.
            "folder": self._folder.parent,
        }
        words = self._command.fill(values, [f"--{name}={value}" for name, value in self.flags.items()])
        with (self._folder / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)

    def is_open(self, port: int | None = None) -> bool:
        """Returns whether its gRPC port (or another one) takes connections."""
        with socket.socket() as probe:
            probe.settimeout(5)
            return probe.connect_ex((_HOST, port or self.port)) == 0

    def wait_until_open(self) -> None:
        """Waits for its ports."""
        ports = [self.port, *([self.rest_port] if self.rest_port and self._command.names("rest_port") else [])]
        self.wait_for(lambda: all(self.is_open(port) for port in ports))

    def wait_for(self, event: Any) -> None:
        """Waits for something that the server brings about."""
        assert self._process is not None
        try:
            processes.wait_for(event, self._process, pause=0.02, seconds=_LONGEST_SECONDS)
        except AssertionError as error:
            text = (self._folder / "output.txt").read_text(errors="replace")
            raise AssertionError(f"{error}; the server's last words:\n{text[-3000:]}") from None

    def stop(self) -> None:
        """Asks the process to end, and ends it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.create_server((_HOST, 0)) as first, socket.create_server((_HOST, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]
