"""The model server that is attacked: in this process, or a process of its own, of any make."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.calls import model_config
from tests.conformance.command import ServerCommand
from tests.conformance.suite import Suite
from tests.hostile.attack import Process
from tests.served_models import write_numbers, write_words
from tfapp.server import ServerSettings, running_server

__all__ = ["AttackTarget", "own_process", "same_process"]


@dataclass(frozen=True)
class AttackTarget:
    """A server with the models `numbers`, `words` and perhaps `toy`, one of ours.

    Attributes:
        address: HOST:PORT of gRPC.
        rest_port: The REST port.
        process: Its process.
        models: The names of its models.
        without: The capabilities that it lacks.
    """

    address: str
    rest_port: int
    process: Process
    models: tuple[str, ...]
    without: frozenset[str] = frozenset()


@contextmanager
def same_process(models: Path, toy: Path | None) -> Iterator[AttackTarget]:
    """Serves here, which costs no start of another process; a crash ends the tests."""
    _write(models, toy)
    with running_server(models, port=0, settings=ServerSettings(rest_api_port=0)) as server:
        assert server.rest_address is not None
        yield AttackTarget(
            server.address, int(server.rest_address.rpartition(":")[2]), Process("self"), ("numbers", "words")
        )


@contextmanager
def own_process(
    command: ServerCommand, without: Collection[str], folder: Path, toy: Path | None
) -> Iterator[AttackTarget]:
    """Serves by a command, as the conformance suite does."""
    suite = Suite(command, frozenset(without), folder)
    models = suite.folder("hostile") / "models"
    _write(models, toy)
    base = [model_config(path.name, path) for path in sorted(models.iterdir())]
    with suite.server("hostile", base, enable_grpc_healthcheck_service="true").running() as server:
        process = Process(None if "memory" in without else server.pid)
        yield AttackTarget(
            server.address,
            server.rest_port,
            process,
            tuple(path.name for path in sorted(models.iterdir())),
            frozenset(without),
        )


def _write(models: Path, toy: Path | None) -> None:
    write_numbers(models, 1)
    write_words(models)
    if toy:
        shutil.copytree(toy, models / "toy")
