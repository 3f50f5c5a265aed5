from __future__ import annotations

import random

import grpc
import pytest
from tfapp_client import Canary, Client
from tfapp_client.errors import InvalidArgumentError, UnavailableError
from tfapp_client.testing import FakeTransport


def _fake() -> FakeTransport:
    fake = FakeTransport().regressor("m", lambda _text: 2.0, version=2, label="canary")
    return fake.regressor("m", lambda _text: 1.0, version=1, label="stable")


def _labels(fake: FakeTransport) -> list[str]:
    return [call.request.model_spec.version_label for call in fake.requests]


def test_a_share_of_the_calls_goes_to_the_label() -> None:
    fake, draws = _fake(), iter([0.0, 0.19, 0.2, 0.99])
    client = Client(transport=fake, canaries={"m": Canary("canary", 0.2)}, random=lambda: next(draws))
    assert [client.regress("m", ["a"])[0] for _ in range(4)] == [2.0, 2.0, 1.0, 1.0]
    assert _labels(fake) == ["canary", "canary", "", ""]


def test_the_share_holds_over_many_calls() -> None:
    client = Client(transport=_fake(), canaries={"m": Canary("canary", 0.25)}, random=random.Random(7).random)
    answers = [client.regress("m", ["a"])[0] for _ in range(2000)]
    assert answers.count(2.0) / 2000 == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(("share", "value"), [(0, 1.0), (1, 2.0)])
def test_none_and_all(share: float, value: float) -> None:
    client = Client(transport=_fake(), canaries={"m": Canary("canary", share, otherwise="stable")})
    assert {client.regress("m", ["a"])[0] for _ in range(20)} == {value}


def test_who_names_a_version_gets_it() -> None:
    fake = _fake()
    fake.regressor("other", lambda _text: 5.0)
    client = Client(transport=fake, canaries={"m": Canary("canary", 1)})
    assert client.regress("m", ["a"], version=1) == [1.0]
    assert client.regress("m", ["a"], label="stable") == [1.0]
    assert client.regress("other", ["a"]) == [5.0]


def test_a_canary_that_was_taken_back_costs_no_answer() -> None:
    fake = _fake()
    client = Client(transport=fake, canaries={"m": Canary("gone", 1, otherwise="stable")})
    assert client.regress("m", ["a"]) == [1.0]
    assert _labels(fake) == ["gone", "stable"]
    fake.fail(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(m, 2)")
    assert client.regress("m", ["a"]) == [1.0]


def test_other_failures_of_a_canary_are_the_callers() -> None:
    fake = _fake()
    client = Client(transport=fake, canaries={"m": Canary("canary", 1)})
    for code, error in (
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgumentError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
    ):
        fake.fail(code, "bad text")
        with pytest.raises(error, match="bad text"):
            client.regress("m", ["a"])


def test_a_share_is_from_0_to_1() -> None:
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, got 20"):
        Canary("canary", 20)
