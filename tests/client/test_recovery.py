"""A server that dies, by itself or by force, and comes back on its port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from tfapp_client import AsyncClient, Client, ClientError, ConnectionSettings, Retries

from tests.client.bare_server import BareServer, OtherProcess

_X = {"x": [1.5]}


@pytest.fixture
def killable_server() -> Iterator[OtherProcess]:
    server = OtherProcess()
    yield server
    server.kill()


def test_a_call_made_while_the_server_is_away_is_answered(killable_server: OtherProcess) -> None:
    with Client(killable_server.address, timeout=60) as client:
        assert client.predict("m", _X)["y"].tolist() == [3.0]
        killable_server.kill()
        restart = threading.Thread(target=killable_server.start)
        restart.start()
        assert client.predict("m", _X)["y"].tolist() == [3.0]
        restart.join()


def test_an_awaited_call_waits_for_a_server_that_comes_back(killable_server: OtherProcess) -> None:
    async def main() -> list[float]:
        # One attempt: it is the waiting that is seen here.
        patient = ConnectionSettings(retries=Retries(attempts=1), wait_for_ready=True)
        async with AsyncClient(killable_server.address, timeout=60, connection=patient) as client:
            await client.predict("m", _X)
            killable_server.kill()
            # The broken connection has to be seen, so that the call meets none.
            with pytest.raises(ClientError):
                await client.predict("m", _X, timeout=0.3)
            call = asyncio.create_task(client.predict("m", _X))
            await asyncio.to_thread(killable_server.start)
            return (await call)["y"].tolist()

    assert asyncio.run(main()) == [3.0]


def test_a_client_that_gave_up_finds_the_server_again() -> None:
    server = BareServer()
    server.start()
    quick = ConnectionSettings(retries=Retries(initial_backoff=0.01, max_backoff=0.02))
    with Client(server.address, connection=quick) as client:
        client.predict("m", _X)
        for _ in range(2):
            server.stop()
            for _ in range(20):
                with pytest.raises(ClientError):
                    client.predict("m", _X, timeout=1)
            server.start()
            client.wait_until_ready("m", 20)
            assert client.predict("m", _X)["y"].tolist() == [3.0]
    server.stop()
