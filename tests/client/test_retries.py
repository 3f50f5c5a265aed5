from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from tfapp_client import ConnectionSettings, Retries
from tfapp_client.errors import InternalError, UnavailableError

from tests.client.bare_server import BareServer, Refusal, double

_QUICK = ConnectionSettings(retries=Retries(initial_backoff=0.01, max_backoff=0.05))


class _Failing:
    """Fails some times, then answers."""

    def __init__(self, code: grpc.StatusCode, times: int) -> None:
        self.code, self.times = code, times

    def __call__(self, request: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise Refusal(self.code, "not now")
        return double(request)


def test_unavailable_is_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 4)) as server:
        assert predict(server.address, connection=_QUICK) == [3.0]
        assert server.calls == 5
        assert server.metadata[-1]["grpc-previous-rpc-attempts"] == "4"


def test_retries_end(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 99)) as server:
        with pytest.raises(UnavailableError, match="not now"):
            predict(server.address, connection=_QUICK)
        assert server.calls == 5
        with pytest.raises(UnavailableError):
            predict(server.address, connection=ConnectionSettings(retries=Retries(attempts=1)))
        assert server.calls == 6


def test_nothing_else_is_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.INTERNAL, 1)) as server:
        with pytest.raises(InternalError):
            predict(server.address, connection=_QUICK)
        assert server.calls == 1


def test_large_requests_are_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 1)) as server:
        assert len(predict(server.address, connection=_QUICK, x=np.ones(1 << 20))) == 1 << 20
        assert server.calls == 2


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="attempts must be from 1 to 5, got 6"):
        Retries(attempts=6)
    with pytest.raises(ValueError, match="initial_backoff, max_backoff and multiplier must be over 0"):
        Retries(initial_backoff=0)


@pytest.mark.parametrize(
    ("old", "new"), [("first_pause", "initial_backoff"), ("longest_pause", "max_backoff"), ("factor", "multiplier")]
)
def test_an_old_name_of_a_setting_names_the_new_one(old: str, new: str) -> None:
    with pytest.raises(TypeError, match=f"^Retries.{old} is {new} now$"):
        Retries(**{old: 1})
    retries = Retries(**{new: 1})  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match=f"^Retries.{old} is {new} now$"):
        getattr(retries, old)
    with pytest.raises(AttributeError, match=r"^'Retries' object has no attribute 'nonsense'$"):
        _ = retries.nonsense  # type: ignore[attr-defined]
    assert replace(retries, attempts=2) == pickle.loads(pickle.dumps(Retries(attempts=2, **{new: 1})))  # type: ignore[arg-type]
