"""A model server's gRPC port under attack."""

from __future__ import annotations

import random

from tests.hostile import findings
from tests.hostile.attack import AttackPlan, attack
from tests.hostile.grpc_calls import any_call
from tests.hostile.grpc_port import GrpcPort
from tests.hostile.target import AttackTarget


def test_what_once_did_harm(port: GrpcPort) -> None:
    for call in findings.GRPC:
        port.send(call)
        port.still_good()


def test_any_call(target: AttackTarget, port: GrpcPort, plan: AttackPlan) -> None:
    def strike(source: random.Random) -> None:
        port.send(any_call(source, target.models))

    attack(plan, 1300, strike, port.still_good, target.process)
