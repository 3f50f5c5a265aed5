from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tfapp.apps.monitor.batches import Batch, IngestCounts, SourceRow
from tfapp.apps.monitor.readers import push
from tfapp.apps.monitor.readers.push import PushReader
from tfapp.apps.shared.record_reader import Record
from tfapp.errors import ServerError, SettingsError


@contextmanager
def listening(batches: list[Batch], token: str | None = None, **options: Any) -> Iterator[str]:
    """A reader whose batches are stored at once; yields its address."""
    reader, stop = PushReader("127.0.0.1", 0, token, **options), threading.Event()

    def take() -> None:
        for batch in reader.batches(stop):
            batches.append(batch)
            batch.stored(IngestCounts(len(batch.rows)))

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield f"http://{reader.address}"
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def push_reader() -> Iterator[tuple[str, list[Batch]]]:
    batches: list[Batch] = []
    with listening(batches) as address:
        yield address, batches


def test_it_answers_when_the_texts_are_stored(push_reader: tuple[str, list[Batch]]) -> None:
    address, batches = push_reader
    answer = httpx2.post(f"{address}/messages", json=[{"text": "a"}, {"text": "b"}, 5])
    assert (answer.status_code, answer.json()) == (200, {"stored": 3, "repeated": 0, "rejected": 0})
    rows = [place.row for place in batches[-1].rows]
    assert [row.values if isinstance(row, Record) else row.reason for row in rows] == [
        {"text": "a"},
        {"text": "b"},
        "expected a JSON object, got int",
    ]
    lines = '{"text": "a"}\n\n{"text": \n'
    assert httpx2.post(
        f"{address}/messages", content=lines, headers={"content-type": "application/x-ndjson"}
    ).is_success
    assert [place.where for place in batches[-1].rows] == ["line 1", "line 3"]
    assert httpx2.get(f"{address}/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[" * 50_000, 400), (b" " * 9_000_000, 413)]
)
def test_what_cannot_be_read_is_refused(push_reader: tuple[str, list[Batch]], body: bytes, status: int) -> None:
    answer = httpx2.post(f"{push_reader[0]}/messages", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_token_is_asked_for() -> None:
    batches: list[Batch] = []
    with listening(batches, token="a long secret") as address:
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bearer \u00e4".encode()}):
            assert httpx2.post(f"{address}/messages", json={"text": "a"}, headers=headers).status_code == 401
        token_headers: dict[str, Any] = {"Authorization": "Bearer a long secret"}
        assert httpx2.post(f"{address}/messages", json={"text": "a"}, headers=token_headers).status_code == 200
    assert len(batches) == 1


def test_who_waits_is_told_when_it_stops() -> None:
    reader, stop = PushReader("127.0.0.1", 0), threading.Event()
    answers: list[int] = []

    def post() -> None:
        answers.append(httpx2.post(f"http://{reader.address}/messages", json={"text": "a"}, timeout=20).status_code)

    poster = threading.Thread(target=post)
    batches = reader.batches(stop)
    poster.start()
    next(batches)  # and it is never stored
    stop.set()
    assert list(batches) == []
    poster.join()
    assert answers == [503]


def test_it_is_not_open_to_others_without_a_token() -> None:
    with pytest.raises(SettingsError, match=r"--listen 0\.0\.0\.0:8600: others can reach it; set listen_token"):
        PushReader("0.0.0.0", 8600)


def test_a_port_in_use_is_named() -> None:
    reader = PushReader("127.0.0.1", 0)
    port = int(reader.address.rpartition(":")[2])
    with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{port}"):
        PushReader("127.0.0.1", port)


def test_a_large_header_is_refused(push_reader: tuple[str, list[Batch]]) -> None:
    answer = httpx2.get(f"{push_reader[0]}/health", headers={"X-Large": "a" * 70_000})
    assert (answer.status_code, answer.json()) == (431, {"error": "the header has 65536 bytes or more"})


def test_a_port_that_others_reach_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def open_reader(host: str) -> str:
        caplog.clear()
        reader, stop = PushReader(host, 0, "a token"), threading.Event()
        stop.set()
        assert list(reader.batches(stop)) == []
        return caplog.text

    assert "--listen 0.0.0.0:0: other machines can send texts" in open_reader("0.0.0.0")
    assert open_reader("127.0.0.1") == ""


EVIL = {"host": "evil.example:8700"}


@pytest.mark.parametrize(
    ("headers", "status", "complains"),
    [
        (EVIL, 400, "does not answer to 'evil.example:8700'; start it with --allow-host for that host"),
        ({"host": "localhost.evil.example"}, 400, "--allow-host"),
        ({"host": "192.168.1.5"}, 400, "--allow-host"),
        ({"host": "["}, 400, "--allow-host"),
        ({"origin": "https://evil.example"}, 403, "a page of https://evil.example may not send texts; start it with"),
        ({"origin": "null"}, 403, "a page of null may not send texts"),
        ({"origin": "http://["}, 403, "may not send texts"),
        ({"sec-fetch-site": "cross-site"}, 403, "a page of another site may not send texts"),
    ],
)
def test_without_a_token_other_hosts_and_pages_of_other_sites_are_refused(
    push_reader: tuple[str, list[Batch]], headers: dict[str, str], status: int, complains: str
) -> None:
    address, batches = push_reader
    count = len(batches)
    answer = httpx2.post(f"{address}/messages", json={"text": "a"}, headers=headers)
    assert (answer.status_code, len(batches)) == (status, count)
    assert complains in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8700"},
        {"host": "[::1]:8700"},
        {"host": socket.gethostname()},
        {"host": "SHOP.example:80"},
        {"origin": "https://shop.example"},
        {"origin": "http://127.0.0.1:8700"},
    ],
)
def test_this_machine_and_hosts_that_are_allowed_are_answered(headers: dict[str, str]) -> None:
    with listening([], allow_hosts=("shop.example",)) as address:
        assert httpx2.post(f"{address}/messages", json={"text": "a"}, headers=headers).status_code == 200


def test_with_a_token_any_host_is_answered() -> None:
    with listening([], token="a long secret") as address:
        headers = {**EVIL, "origin": "https://evil.example", "authorization": "Bearer a long secret"}
        assert httpx2.post(f"{address}/messages", json={"text": "a"}, headers=headers).status_code == 200


def test_an_allowed_host_is_a_name_alone_and_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("http://shop.example", "shop.example/x", "", "*"):
        with pytest.raises(SettingsError, match=r"--allow-host .*: expected the name or the address of a host alone"):
            PushReader("127.0.0.1", 0, allow_hosts=(name,))
    PushReader("127.0.0.1", 0, allow_hosts=("shop.example",))
    assert "--allow-host shop.example: pages of these hosts can send texts" in caplog.text


def test_a_caller_that_leaves_leaves_no_traceback(
    push_reader: tuple[str, list[Batch]], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    host, _, port = push_reader[0].removeprefix("http://").rpartition(":")
    for body in (b"", b"{"):
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: 50\r\n\r\n"
            connection.sendall(head.encode() + body)
    assert httpx2.get(f"{push_reader[0]}/health").is_success
    assert "Traceback" not in caplog.text + capfd.readouterr().err
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_a_request_holds_so_many_texts_and_no_more(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[Batch] = []
    parsed_rows, rows_of = [], push._rows

    def counted_rows(body: bytes, content_type: str) -> Iterator[SourceRow]:
        for row in rows_of(body, content_type):
            parsed_rows.append(row)
            yield row

    monkeypatch.setattr(push, "_rows", counted_rows)
    with listening(batches, most_items=10, size=4) as address:

        def post(number: int) -> httpx2.Response:
            rows = ['{"text": "a"}'] * number
            body = "\n\n".join(rows) if "nd" in kind else f"[{','.join(rows)}]"
            return httpx2.post(f"{address}/messages", content=body, headers={"content-type": kind})

        assert post(10).json() == {"stored": 10, "repeated": 0, "rejected": 0}
        assert [len(batch.rows) for batch in batches] == [4, 4, 2]
        parsed_rows.clear()
        answer = post(500)
    assert answer.status_code == 413
    assert len(parsed_rows) == 11
    assert answer.json()["error"] == "more than 10 texts in a request; send fewer at once, or set listen_items"
    assert len(batches) == 3


@pytest.mark.parametrize("body", [b"[" + b"0," * 1_000_000 + b"0]", b"[" + b"{}," * 700_000 + b"0]"])
def test_megabytes_of_what_is_no_text_are_one_refusal(push_reader: tuple[str, list[Batch]], body: bytes) -> None:
    address, batches = push_reader
    count = len(batches)
    answer = httpx2.post(f"{address}/messages", content=body, timeout=60)
    assert (answer.status_code, len(batches)) == (413, count)


@pytest.mark.parametrize("item", [b"[],", b'{"":0},'])
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_more_lists_than_the_texts_could_need_are_refused_before_they_are_parsed(item: bytes, kind: str) -> None:
    batches: list[Batch] = []
    with listening(batches, most_items=10) as address:

        def post(body: bytes) -> httpx2.Response:
            return httpx2.post(f"{address}/messages", content=body, headers={"content-type": kind})

        # An object, a list and 638 more are as many as may be, wherever they stand.
        assert post(b'{"text": "a", "values": [' + item * 637 + item[:-1] + b"]}").json()["stored"] == 1
        # Nothing closes it: as JSON it would be 400.
        answer = post(b'{"text": "a", "values": [' + item * 639)
    problem = "641 lists and objects in a request; at most 640 are taken, 64 for each of 10 texts; "
    assert (answer.status_code, len(batches)) == (413, 1)
    assert answer.json()["error"] == problem + "send fewer at once, or set listen_items"


def test_large_bodies_are_parsed_one_at_a_time_and_small_ones_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of, together, large_parse, go_on = push._rows, threading.Event(), threading.Semaphore(), threading.Event()

    def slow_rows(body: bytes, kind: str) -> Iterator[SourceRow]:
        if len(body) > 200_000:
            if not large_parse.acquire(blocking=False):
                together.set()
            go_on.wait(60)
            together.wait(0.2)
            large_parse.release()
        yield from rows_of(body, kind)

    monkeypatch.setattr(push, "_rows", slow_rows)
    with listening([]) as address, ThreadPoolExecutor(2) as pool:

        def post(text: str) -> int:
            return httpx2.post(f"{address}/messages", json={"text": text}, timeout=60).status_code

        futures = [pool.submit(post, "a" * 200_000) for _ in range(2)]
        try:
            assert [post("a") for _ in range(3)] == [200] * 3
        finally:
            go_on.set()
        assert [future.result(60) for future in futures] == [200, 200]
    assert not together.is_set()


def test_requests_that_wait_to_be_stored_hold_so_much_together_and_no_more() -> None:
    reader, stop = PushReader("127.0.0.1", 0), threading.Event()
    large = json.dumps({"text": "a" * 7_900_000})
    answers: list[httpx2.Response] = []

    def post() -> None:
        answers.append(httpx2.post(f"http://{reader.address}/messages", content=large, timeout=60))

    batches = reader.batches(stop)
    posters = [threading.Thread(target=post) for _ in range(9)]
    for poster in posters:
        poster.start()
    # Eight find room; while none of them is stored, the ninth is told to come again.
    batch_list = [next(batches) for _ in range(8)]
    while not answers:
        posters[0].join(0.01)
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")]
    assert "all requests have more than 64000000 bytes; send these again later" in answers[0].json()["error"]
    for batch in batch_list:
        batch.stored(IngestCounts(1))
    for poster in posters:
        poster.join()
    stop.set()
    assert list(batches) == []
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [503]


def test_so_many_requests_wait_to_be_stored_and_no_more() -> None:
    reader, stop = PushReader("127.0.0.1", 0), threading.Event()
    answers: queue.Queue[httpx2.Response] = queue.Queue()

    def post() -> None:
        answers.put(httpx2.post(f"http://{reader.address}/messages", json={"text": "a"}, timeout=60))

    batches = reader.batches(stop)
    with ThreadPoolExecutor(66) as pool:
        pool.submit(post)
        first = next(batches)
        # While it is not stored, others wait behind it.
        for _ in range(65):
            pool.submit(post)
        answer = answers.get(timeout=60)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        problem = "more texts are sent than can be classified: 64 requests wait; send these again later"
        assert answer.json()["error"] == problem
        first.stored(IngestCounts(1))
        for _ in range(64):
            next(batches).stored(IngestCounts(1))
    stop.set()
    assert list(batches) == []


def test_others_are_answered_while_a_body_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_start, go_on, rows = threading.Event(), threading.Event(), push._rows

    def slow_rows(body: bytes, kind: str) -> Iterator[SourceRow]:
        parse_start.set()
        assert go_on.wait(60)
        yield from rows(body, kind)

    with monkeypatch.context() as patch, listening([]) as address, ThreadPoolExecutor(1) as pool:
        patch.setattr(push, "_rows", slow_rows)
        future = pool.submit(httpx2.post, f"{address}/messages", json=[{"text": "a"}], timeout=60)
        assert parse_start.wait(60)
        try:
            assert httpx2.get(f"{address}/health", timeout=20).json() == {"status": "ok"}
        finally:
            go_on.set()
        assert future.result(60).json()["stored"] == 1
