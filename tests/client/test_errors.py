from __future__ import annotations

import asyncio

import grpc
import pytest
from tfapp_client import AsyncClient, Client, ClientError, ConnectionSettings, Retries, StatusError, errors
from tfapp_client.testing import FakeTransport

from tests.client.bare_server import BareServer, Refusal

_CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_ONCE = ConnectionSettings(retries=Retries(attempts=1))


def _check(error: BaseException, code: grpc.StatusCode) -> None:
    words = code.name.title().replace("_", "")
    expected = getattr(errors, f"{words}Error")
    assert type(error) is expected
    assert issubclass(expected, StatusError)
    assert issubclass(expected, ClientError)
    assert (error.code, error.details, error.method) == (code, "what the server said: é", _PREDICT)
    assert str(error) == f"{code.name}: what the server said: é ({_PREDICT})"


@pytest.mark.parametrize("code", _CODES)
def test_every_status_code_has_its_class(code: grpc.StatusCode) -> None:
    with pytest.raises(StatusError) as excinfo:
        Client(transport=FakeTransport().fail(code, "what the server said: é")).predict("m", {"x": [1.5]})
    _check(excinfo.value, code)


@pytest.mark.parametrize("code", _CODES)
def test_every_status_of_a_server_is_translated(code: grpc.StatusCode) -> None:
    def refuse(_request: object) -> None:
        raise Refusal(code, "what the server said: é")

    async def ask(address: str) -> None:
        async with AsyncClient(address, connection=_ONCE) as client:
            await client.predict("m", {"x": [1.5]})

    with BareServer(refuse) as server, Client(server.address, connection=_ONCE) as client:
        with pytest.raises(StatusError) as excinfo:
            client.predict("m", {"x": [1.5]})
        _check(excinfo.value, code)
        assert isinstance(excinfo.value.__cause__, grpc.RpcError)
        with pytest.raises(StatusError) as excinfo:
            asyncio.run(ask(server.address))
        _check(excinfo.value, code)
        assert server.calls == 2


def test_a_status_that_grpc_has_no_name_for_is_unknown() -> None:
    assert type(errors.status_error(grpc.StatusCode.UNKNOWN, "")) is errors.UnknownError
    assert type(errors.status_error(None, "")) is errors.UnknownError
