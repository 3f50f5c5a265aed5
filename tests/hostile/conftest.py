"""Sets how long attacks last, and what they are made on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.conformance.command import EMBEDDED, parse_command
from tests.hostile.attack import AttackPlan
from tests.hostile.grpc_port import GrpcPort
from tests.hostile.target import AttackTarget, own_process, same_process

# Seconds that all attacks share; without it, each is a short one, always the same.
_SECONDS = "TFAPP_HOSTILE_SECONDS"
_SEED = "TFAPP_HOSTILE_SEED"
# Of ten minutes, the ports that strangers reach have seven, every other attack about ten seconds.
_WEIGHTS = {"test_grpc": 15, "test_http2": 10, "test_rest": 15}


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> AttackPlan:
    """Plans the test's attack, which lasts for its share of the time."""
    attacks = [item for item in request.session.items if "plan" in getattr(item, "fixturenames", ())]
    share = _weight(request.node) / sum(map(_weight, attacks))
    seconds = float(os.environ[_SECONDS]) * share if _SECONDS in os.environ else None
    first = int(os.environ.get(_SEED, time.time_ns() % 1_000_000_000))
    return AttackPlan(seconds, first, request.config.rootpath / "build" / "hostile" / f"{request.node.name}.seed")


def _weight(item: pytest.Item) -> int:
    return _WEIGHTS.get(item.path.stem, 1)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackTarget]:
    """The model server: the embedded one in this process for a short attack, otherwise what --server-command names."""
    command, without = (request.config.getoption(name) for name in ("server_command", "without"))
    folder = tmp_path_factory.mktemp("hostile")
    is_long = _SECONDS in os.environ
    is_embedded = command == parse_command(EMBEDDED)
    if is_embedded and not is_long:
        with same_process(folder / "models", None) as server:
            yield server
        return
    # The graph of one of ours takes a training.
    toy: Path | None = request.getfixturevalue("toy_models") / "toy" if is_long else None
    with own_process(command, without, folder, toy) as server:
        yield server


@pytest.fixture
def port(target: AttackTarget) -> Iterator[GrpcPort]:
    """The target's gRPC port, by a channel without bounds."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target.address, options) as channel:
        yield GrpcPort(channel, target.without)
