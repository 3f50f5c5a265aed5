from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import tfapp_client
from tfapp_client import AsyncClient, Client, Splitting
from tfapp_client.async_task_calls import AsyncTaskCalls
from tfapp_client.errors import DeadlineExceededError, InvalidArgumentError, NotFoundError
from tfapp_client.testing import AsyncFakeTransport
from tfapp_client.transport import Method

from tfapp.server import ModelServer

_CALLS = [name for cls in (AsyncTaskCalls, AsyncClient) for name in vars(cls) if not name.startswith("_")]


@pytest.mark.parametrize("name", _CALLS)
def test_both_clients_have_every_call(name: str) -> None:
    async_method, sync_method = getattr(AsyncClient, name), getattr(Client, name)
    assert inspect.signature(async_method) == inspect.signature(sync_method)
    assert (async_method.__doc__, async_method.__qualname__) == (
        sync_method.__doc__,
        f"Async{sync_method.__qualname__}",
    )
    assert "Raises:" in (async_method.__doc__ or "")
    assert (inspect.iscoroutinefunction(async_method), inspect.iscoroutinefunction(sync_method)) == (True, False)


def test_the_plain_client_is_generated_from_the_asynchronous_one() -> None:
    script = Path(tfapp_client.__file__).parents[1] / "unasync.py"
    process = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


# One use of each call against a server; what the plain client answers, the asynchronous one must.
_USES: dict[str, Callable[[Any], Any]] = {
    "classify": lambda client: client.classify("news", ["a", "éé"]),
    "classify_pairs": lambda client: client.classify_pairs("pairs", [("a", "b")]),
    "tag": lambda client: client.tag("tagger", ["ab"]),
    "rank": lambda client: client.rank("ranker", "a", ["bb", "b"]),
    "score": lambda client: client.score("ranker", [("a", "bb")]),
    "regress": lambda client: client.regress("regressor", ["abc"]),
    "regress_pairs": lambda client: client.regress_pairs("ranker", [("a", "bb")]),
    "answer": lambda client: client.answer("answerer", [("a", "bc")]),
    "embed": lambda client: client.embed("embedder", ["ab"]),
    "predict": lambda client: client.predict("numbers", {"x": [1.0]}, version=3),
    "status": lambda client: client.status("numbers"),
    "metadata": lambda client: client.metadata("numbers"),
    "health": lambda client: client.health(),
    "wait_until_ready": lambda client: client.wait_until_ready("numbers", 10),
}


@pytest.mark.parametrize("name", _CALLS)
def test_both_clients_answer_alike(model_server: ModelServer, name: str) -> None:
    async def ask() -> Any:
        async with AsyncClient(model_server.address) as client:
            return await _USES[name](client)

    with Client(model_server.address) as client:
        assert repr(asyncio.run(ask())) == repr(_USES[name](client))


def _run(main: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(main())  # type: ignore[arg-type]


def test_many_calls_at_once(model_server: ModelServer) -> None:
    async def main() -> list[float]:
        async with AsyncClient(model_server.address) as client:
            answers = await asyncio.gather(*(client.predict("numbers", {"x": [float(n)]}) for n in range(50)))
            return [answer["y"].tolist()[0] for answer in answers]

    assert _run(main) == [n / 2 + 3 for n in range(50)]


def test_errors_keep_the_servers_text(model_server: ModelServer) -> None:
    async def main() -> None:
        async with AsyncClient(model_server.address) as client:
            with pytest.raises(NotFoundError) as excinfo:
                await client.classify("nope", ["a"])
            assert excinfo.value.details == "Servable not found for request: Latest(nope)"
            assert isinstance(excinfo.value.__cause__, grpc.RpcError)
            with pytest.raises(TypeError, match="texts must be a list"):
                await client.classify("news", "a")

    _run(main)


def test_waiting_takes_the_loops_time() -> None:
    now = [0.0]
    fake = AsyncFakeTransport()

    async def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 1:
            fake.model("late", lambda inputs: inputs)

    async def main() -> None:
        client = AsyncClient(transport=fake, clock=lambda: now[0], sleep=sleep)
        await client.wait_until_ready("late", 10, interval=0.25)
        assert now[0] == 1.25
        with pytest.raises(DeadlineExceededError, match="model never is not ready: NOT_FOUND: Could not find any"):
            await client.wait_until_ready("never", 10)

    _run(main)


class _Gate(AsyncFakeTransport):
    """Counts the calls that are on their way at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = self.cancelled = 0

    async def call(self, method: Method, request: Any, timeout: float) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            return await super().call(method, request, timeout)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1


def test_large_batches_are_split_and_bounded() -> None:
    async def main() -> None:
        gate = _Gate().regressor("m", len)
        async with AsyncClient(transport=gate, splitting=Splitting(rows=3, parallel=2)) as client:
            texts = ["x" * n for n in range(20)]
            assert await client.regress("m", texts) == [float(n) for n in range(20)]
            assert (len(gate.requests), gate.most) == (7, 2)
            gate.fail(grpc.StatusCode.INVALID_ARGUMENT, "bad text")
            with pytest.raises(InvalidArgumentError, match="bad text"):
                await client.regress("m", texts)
            assert len(gate.requests) < 14
            assert gate.now == 0

    _run(main)


def test_a_cancelled_task_cancels_its_requests() -> None:
    class SignallingGate(_Gate):
        async def call(self, method: Method, request: Any, timeout: float) -> Any:
            arrival.set()
            return await super().call(method, request, timeout)

    async def main() -> None:
        nonlocal arrival
        arrival = asyncio.Event()
        gate = SignallingGate().regressor("m", len)
        client = AsyncClient(transport=gate, splitting=Splitting(rows=1, parallel=2))
        task = asyncio.create_task(client.regress("m", ["a", "b", "c"]))
        await arrival.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate.now == 0
        assert gate.cancelled > 0

    arrival: asyncio.Event = None  # type: ignore[assignment]
    _run(main)


def test_a_closed_client_says_so() -> None:
    async def main() -> None:
        fake = AsyncFakeTransport()
        async with AsyncClient(transport=fake) as client:
            pass
        assert fake.closed
        with pytest.raises(ValueError, match="this client is closed"):
            await client.health()

    _run(main)
