"""A model server's REST port under attack."""

from __future__ import annotations

import random

import pytest

from tests.conformance import rest
from tests.hostile import findings
from tests.hostile.attack import HANG_SECONDS, AttackPlan, attack
from tests.hostile.http_requests import HttpRequest, any_http, any_json, exchange
from tests.hostile.target import AttackTarget

_PATHS = (
    *(
        "/v1/models/numbers:predict",
        "/v1/models/words:predict",
        "/v1/models/numbers:classify",
        "/v1/models/numbers:regress",
    ),
    *("/v1/models/toy:predict", "/v1/models/toy:classify", "/v1/models/numbers/versions/1:predict"),
    *("/v1/models/numbers/versions/9223372036854775808:predict", "/v1/models/numbers/labels/stable:predict"),
    *(
        "/v1/models/numbers",
        "/v1/models/numbers/metadata",
        "/v1/models/nope:predict",
        "/monitoring/prometheus/metrics",
        "/",
    ),
)


@pytest.fixture(autouse=True)
def needs_rest(target: AttackTarget) -> None:
    if "rest" in target.without:
        pytest.skip("without rest")


def still_good(target: AttackTarget) -> None:
    """Asks two models for what they know."""
    for model, instances, right in (("numbers", [1.0, 2.0], [2.0, 4.0]), ("words", ["a"], ["A"])):
        answer = rest.ask(target.rest_port, "POST", f"/v1/models/{model}:predict", {"instances": instances})
        assert answer.status == 200, answer
        assert [row.get("x2", row.get("upper")) for row in answer.json()["predictions"]] == right


def send(target: AttackTarget, request: HttpRequest) -> None:
    """Sends a request; fails where the answer is a failure of the server's own, or where none comes."""
    answer = exchange(("127.0.0.1", target.rest_port), request, HANG_SECONDS)
    assert answer.status != 500, f"{request.data[:500]!r}: {answer.body[:300]!r}"
    assert not request.is_whole or answer.status, f"{request.data[:500]!r}: no answer"


def test_what_once_did_harm(target: AttackTarget) -> None:
    for body in findings.REST_BODIES:
        for path in _PATHS[:6]:
            head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            send(target, HttpRequest(head.encode() + body, is_whole=True))
    still_good(target)


def test_any_request(target: AttackTarget, plan: AttackPlan) -> None:
    def strike(source: random.Random) -> None:
        send(target, any_http(source, _PATHS, any_json))

    attack(plan, 800, strike, lambda: still_good(target), target.process)
