"""A model server's gRPC port under attack."""

from __future__ import annotations

import random
from pathlib import Path

import grpc

from tests.hostile import findings
from tests.hostile.attack import AttackPlan, attack
from tests.hostile.grpc_calls import PREDICT, any_call
from tests.hostile.grpc_port import GrpcPort
from tests.hostile.target import AttackTarget
from tests.served_models import write_numbers, write_words
from tfapp.server import ServerSettings, running_server
from tfapp.server.settings import BatchingSettings


def test_what_once_did_harm(port: GrpcPort) -> None:
    for call in findings.GRPC:
        port.send(call)
        port.still_good()


def test_any_call(target: AttackTarget, port: GrpcPort, plan: AttackPlan) -> None:
    def strike(source: random.Random) -> None:
        port.send(any_call(source, target.models))

    attack(plan, 1300, strike, port.still_good, target.process)


def test_a_flood_of_one_connection_has_no_other_refused(tmp_path: Path) -> None:
    """Each call stands for a batch in a few bytes, as many as fill the queue many times over."""
    write_numbers(tmp_path, 1)
    write_words(tmp_path)
    settings = ServerSettings(batching=BatchingSettings(num_batch_threads=1, max_enqueued_batches=2))
    with (
        running_server(tmp_path, port=0, settings=settings) as server,
        grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]) as flood,
        grpc.insecure_channel(server.address) as channel,
    ):
        send, port = flood.unary_unary(PREDICT), GrpcPort(channel, frozenset())
        codes = set()
        for _ in range(5):
            calls = [send.future(findings.BATCH_IN_A_FEW_BYTES.data) for _ in range(200)]
            for _ in range(5):
                port.still_good()
            codes |= {call.code() for call in calls}
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
