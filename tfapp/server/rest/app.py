"""The ASGI application: reads requests, has them answered in threads, and watches the callers meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import grpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tfapp.core.connections import caller_network
from tfapp.server.listener import ListenerContext
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError
from tfapp.server.rest import request_handlers
from tfapp.server.rest.body_limits import BodyShare, PendingBytes, TooLargeError, TooManyBytesError, read_body
from tfapp.server.rest.compression import compress, decompress
from tfapp.server.rest.json_outputs import write_error
from tfapp.server.rest.url_paths import STATUS, RequestTarget, is_ours, parse_path
from tfapp.server.unread_answers import UnreadAnswers

__all__ = ["RestApp"]

# A body, and the headers that belong to it.
_BodyAndHeaders: TypeAlias = tuple[bytes, dict[str, str]]

_log = logging.getLogger(__name__)

_JSON: Final = "application/json"
_CODE: Final = grpc.StatusCode
# tensorflow_serving/model_servers/http_server.cc; all others are 500.
_STATUSES: Final = {
    _CODE.CANCELLED: 499,
    _CODE.INVALID_ARGUMENT: 400,
    _CODE.FAILED_PRECONDITION: 400,
    _CODE.OUT_OF_RANGE: 400,
    _CODE.UNAUTHENTICATED: 401,
    _CODE.PERMISSION_DENIED: 403,
    _CODE.NOT_FOUND: 404,
    _CODE.ALREADY_EXISTS: 409,
    _CODE.ABORTED: 409,
    _CODE.RESOURCE_EXHAUSTED: 429,
    _CODE.UNIMPLEMENTED: 501,
    _CODE.UNAVAILABLE: 503,
    _CODE.DEADLINE_EXCEEDED: 504,
}
_NOT_FOUND: Final = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
# A queue or a run tells by itself that time is up; whatever does not is given up so many seconds later.
_GRACE: Final = 0.5
# Bytes of an answer that are given to the connection at once.
_PIECE: Final = 1 << 20


class RestApp:
    """The ASGI application of the REST port, which asks models in the threads of a pool."""

    def __init__(self, context: ListenerContext, pool: concurrent.futures.Executor) -> None:
        self._context = context
        self._settings = context.settings
        self._pool = pool
        self._pending = PendingBytes(context.settings.rest_api_max_pending_bytes)
        self._unread = UnreadAnswers(context.settings.max_pending_answer_bytes)
        self._refuses = False
        self._cut = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._jobs: set[concurrent.futures.Future[_BodyAndHeaders]] = set()
        monitoring_settings = context.settings.monitoring
        self._page = monitoring_settings.path if monitoring_settings.enable else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"there is no {scope['type']} here")
        with ExitStack() as cleanup:
            response = await self._make_response(Request(scope, receive), cleanup)
            await _send_in_pieces(response, send)

    def refuse(self) -> None:
        """Refuses requests from now on."""
        self._refuses = True

    def cut_connections(self) -> None:
        """Ends the running requests, with an answer that says so; called in the event loop's thread."""
        self._cut = True
        for task in list(self._tasks):
            task.cancel()

    def wait(self, seconds: float) -> bool:
        """Waits until no thread works for a request any more; False: one goes on after that time."""
        return not concurrent.futures.wait(list(self._jobs), seconds).not_done

    async def _make_response(self, request: Request, cleanup: ExitStack) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        if path == self._page and request.method == "GET":
            return Response(self._context.metrics.page(), headers={"content-type": "text/plain"})
        if not is_ours(path):
            return Response(_NOT_FOUND, 404, headers={"content-type": "text/html"})
        try:
            body, headers = await self._handle(request, path, cleanup)
        except RequestError as error:
            return self._failure(error)
        except Exception:  # noqa: BLE001 - a defect of ours ends one request, not the server
            _log.exception("a request could not be answered")
            return self._failure(RequestError(_CODE.INTERNAL, "The server failed; its log says why"))
        return Response(body, headers={"content-type": _JSON, **headers})

    async def _handle(self, request: Request, path: str, cleanup: ExitStack) -> _BodyAndHeaders:
        if self._refuses:
            raise _stop_error()
        metrics = self._context.metrics
        try:
            target = parse_path(request.method, path)
        except RequestError as error:
            metrics.request_count.add(("", error.code.name))
            raise
        connection = ":".join(map(str, request.client or ()))
        context = RequestContext(self._settings.rest_api_timeout_in_ms / 1e3, connection=connection)
        with metrics.request(target.model, "" if target.about else target.verb, "REST", context):
            if target.verb == STATUS:
                return request_handlers.model_status(self._context, target), {}
            return await self._in_time(request, target, context, cleanup)

    async def _in_time(
        self, request: Request, target: RequestTarget, context: RequestContext, cleanup: ExitStack
    ) -> _BodyAndHeaders:
        """Works on a request for as long as its time lasts, the caller waits, and the server does not cut it off."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout((context.time_remaining() or 0.0) + _GRACE):
                body, share = await self._read(request, context.connection)
                job = self._job(request, target, body, share, context)
                future = self._submit(job, share, context.connection)
                answer = await _result(request, future)
                cleanup.callback(self._unread.add(context.connection, len(answer[0]), request.state.abort))
                return answer
        except ClientDisconnect as error:
            raise RequestError(_CODE.CANCELLED, "The caller has gone") from error
        except TimeoutError as error:
            raise RequestError(_CODE.DEADLINE_EXCEEDED, "Deadline exceeded before the answer was there") from error
        except asyncio.CancelledError:
            if not self._cut:
                raise
            raise _stop_error() from None
        finally:
            context.cancel()
            self._tasks.discard(task)

    async def _read(self, request: Request, connection: str) -> tuple[bytes, BodyShare]:
        """Reads a body, and counts the request as running."""
        address = caller_network(request.client.host if request.client else "")
        abort = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, request.state.abort)
        share = BodyShare(self._pending, address, abort)
        try:
            body = await read_body(request, self._settings.max_message_bytes, share.add)
            share.keep()
            self._context.limiter.acquire(connection)
        except BaseException:
            share.release()
            raise
        return body, share

    def _job(
        self, request: Request, target: RequestTarget, body: bytes, share: BodyShare, context: RequestContext
    ) -> Callable[[], _BodyAndHeaders]:
        """Returns the function that a thread runs."""
        encoding = request.headers.get("content-encoding", "")
        encodings = request.headers.get("accept-encoding", "")
        max_bytes = self._settings.max_message_bytes

        def job() -> _BodyAndHeaders:
            if not context.is_active:
                raise RequestError(_CODE.DEADLINE_EXCEEDED, "Deadline exceeded before the request was worked on")
            with context:
                answer = request_handlers.handle_request(
                    self._context, target, decompress(body, encoding, max_bytes, share.add), context
                )
                if len(answer) > max_bytes:
                    raise RequestError(
                        _CODE.RESOURCE_EXHAUSTED, f"Sent message larger than max ({len(answer)} vs. {max_bytes})"
                    )
                return compress(answer, encodings)

        return job

    def _submit(
        self, job: Callable[[], _BodyAndHeaders], share: BodyShare, connection: str
    ) -> concurrent.futures.Future[_BodyAndHeaders]:
        """Runs a function in a thread."""
        future = self._pool.submit(job)
        self._jobs.add(future)
        future.add_done_callback(functools.partial(self._end, share, connection))
        return future

    def _failure(self, error: RequestError) -> Response:
        too_large = isinstance(error, TooLargeError)
        status = 413 if too_large else _STATUSES.get(error.code, 500)
        # A body that is not read to its end leaves a connection that is good for nothing else.
        is_last = too_large or isinstance(error, TooManyBytesError) or self._refuses
        close_header = {"connection": "close"} if is_last else {}
        return Response(write_error(error.message), status, headers={"content-type": _JSON, **close_header})

    def _end(self, share: BodyShare, connection: str, future: concurrent.futures.Future[_BodyAndHeaders]) -> None:
        share.release()
        self._context.limiter.release(connection)
        self._jobs.discard(future)


async def _send_in_pieces(response: Response, send: Send) -> None:
    """Sends a response, each piece of its body once the caller has taken most of the last."""
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    view = memoryview(response.body)
    for start in range(0, len(view), _PIECE):
        await send({"type": "http.response.body", "body": bytes(view[start : start + _PIECE]), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _result(request: Request, future: concurrent.futures.Future[_BodyAndHeaders]) -> _BodyAndHeaders:
    """Returns the result of a thread, as long as the caller is there."""
    work = asyncio.wrap_future(future)
    disconnection = asyncio.ensure_future(_disconnection(request))
    try:
        await asyncio.wait((work, disconnection), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        disconnection.cancel()
        # If nobody has begun it, nobody will.
        work.cancel()


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _stop_error() -> RequestError:
    return RequestError(_CODE.UNAVAILABLE, "The server stops")
