"""A model server's gRPC port under attack."""

from __future__ import annotations

import random
from collections.abc import Iterator

import grpc
import pytest

from tests.hostile import findings
from tests.hostile.attack import Plan, attack
from tests.hostile.grpc_calls import any_call
from tests.hostile.grpc_port import GrpcPort
from tests.hostile.target import Target


@pytest.fixture
def port(target: Target) -> Iterator[GrpcPort]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target.address, options) as channel:
        yield GrpcPort(channel, target.without)


def test_what_once_did_harm(port: GrpcPort) -> None:
    for call in findings.GRPC:
        port.send(call)
        port.still_good()


def test_any_call(target: Target, port: GrpcPort, plan: Plan) -> None:
    def strike(source: random.Random) -> None:
        port.send(any_call(source, target.models))

    attack(plan, 1500, strike, port.still_good, target.process)
