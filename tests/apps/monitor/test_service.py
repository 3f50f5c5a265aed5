"""A monitor from texts to alerts, at toy size: its models trained, exported and served."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.processes import call, complaint, finish, kill_when, start, wait_for
from tests.toy import toy_text
from tfapp import api
from tfapp.apps.monitor.service import Monitor
from tfapp.errors import DataError, ServerError, SettingsError

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MOODS = {"negative": "old old old", "positive": "new new new"}


def text(number: int, mood: str, topic: str = "tech") -> str:
    return f"{toy_text(topic, number)} {MOODS[mood]}"


def line(hour: int, number: int, mood: str) -> dict[str, object]:
    time = BEGIN + timedelta(hours=hour, seconds=number)
    return {"id": f"{hour}-{number}", "time": time.isoformat(), "text": text(number, mood), "source": "shop"}


def stream(surge: Sequence[int] = (8, 9), hours: int = 12, texts: int = 20) -> list[str]:
    """Lines of hours in which one text of five is negative, and in a surge four."""
    rows = [
        line(hour, number, "negative" if number % 5 < (4 if hour in surge else 1) else "positive")
        for hour in range(hours)
        for number in range(texts)
    ]
    return [json.dumps(row) + "\n" for row in rows]


@pytest.fixture(scope="module")
def options(shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    rows = [
        {"text": text(n, mood, topic), "label": mood}
        for n in range(40)
        for mood in MOODS
        for topic in ("tech", "sport")
    ]
    data = tmp_path_factory.mktemp("moods") / "moods.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [
        *(
            "topic_model=toy",
            f"sentiment_data={data}",
            f"preset={shallow_preset}",
            "max_length=32",
            "drift_reference=9999",
        ),
        *("least_history=4", "batch_size=32", "lateness_minutes=0", "batch_seconds=0"),
    ]


@pytest.fixture(scope="module")
def trained_home(options: list[str], toy_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose topic model was made elsewhere, and whose sentiment model is trained by it."""
    home = tmp_path_factory.mktemp("prepared")
    shutil.copytree(toy_models, home / "models")
    (line,) = Monitor.open(home, overrides=options).prepare(quiet=True)
    assert line.startswith("monitor-sentiment/1 learnt from ")
    return home


@pytest.fixture
def home(trained_home: Path, tmp_path: Path) -> Path:
    """The same, with nothing taken in."""
    shutil.copytree(trained_home / "models", tmp_path / "home" / "models")
    shutil.copy(trained_home / "settings.toml", tmp_path / "home")
    return tmp_path / "home"


def test_a_file_becomes_trends_and_alerts_with_their_texts(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    file.write_text("".join(stream()) + '{"text": \n')
    ran = call("monitor", "run", file, "--once", "--home", home)
    assert ran.code == 0, ran
    assert "Read      240 new texts, 0 duplicates, 1 rejected" in ran.out
    assert re.search(
        r"^Alert     \w+: negative share from 2\d% to [6-9]\d% since 2026-03-02 08:00 UTC", ran.out, re.MULTILINE
    )
    assert re.search(r"^Over      \w+: negative share from", ran.out, re.MULTILINE)
    trends = json.loads(call("monitor", "show", "--json", "--home", home, "--plot", tmp_path / "t.png").out)
    assert trends["counts"]["texts"] == sum(trend["texts"] for trend in trends["trends"]) == 240
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    alert, *_ = json.loads(call("monitor", "alerts", "--json", "--home", home).out)
    assert alert["state"] == "over: normal"
    details = json.loads(call("monitor", "alerts", alert["id"], "--json", "--home", home).out)
    assert {(item["topic"], item["sentiment"]) for item in details["texts"]} == {(alert["topic"], "negative")}
    assert "▂" in call("monitor", "show", "--home", home).out
    assert "not valid JSON" in call("monitor", "rejected", "--home", home).out
    log = [json.loads(line) for line in (home / "alerts.jsonl").read_text().splitlines()]
    assert [item["event"] for item in log[:2]] == ["opened", "ended"]
    # The same file again, grown by one.
    with file.open("a") as out:
        out.write(json.dumps(line(12, 0, "positive")) + "\n")
    second_run = json.loads(call("monitor", "run", file, "--once", "--home", home, "--json").out.splitlines()[-1])
    assert second_run == {"stored": 1, "repeated": 0, "rejected": 0, "alerts": len(log) // 2, "undelivered": 0}


def test_texts_are_taken_over_http_and_from_a_growing_file_until_it_is_stopped(home: Path, tmp_path: Path) -> None:
    file, stop, monitor = tmp_path / "shop.jsonl", threading.Event(), Monitor.open(home)
    file.write_text("".join(stream(hours=1)))
    port = _free_port()
    counts: list[int] = []
    run = threading.Thread(
        target=lambda: counts.append(monitor.run([file], listen=f"127.0.0.1:{port}", stop=stop, quiet=True).stored)
    )
    run.start()
    try:
        _until(lambda: monitor.queries.counts()["texts"] == 20)
        answer = httpx2.post(f"http://127.0.0.1:{port}/messages", json=[line(1, 1, "negative")] * 2, timeout=30)
        assert answer.json() == {"stored": 1, "repeated": 1, "rejected": 0}
        with file.open("a") as out:
            out.write(json.dumps(line(1, 2, "positive")) + "\n")
        _until(lambda: monitor.queries.counts()["texts"] == 22)
    finally:
        stop.set()
        run.join()
    assert counts == [22]


@pytest.mark.parametrize(
    ("arguments", "complains"),
    [
        (("run",), "nothing to read; name a file or a folder, - for standard input, or --listen HOST:PORT"),
        (("run", "none.jsonl", "--once"), "none.jsonl: no such file or folder"),
        (("run", "-", "--column", "when=x"), "--column when: give NAME=COLUMN"),
        (("run", "-", "--set", "window=week"), "window should be 'minute', 'hour' or 'day', got 'week'"),
        (("run", "--listen", "8600"), "--listen 8600: expected HOST:PORT"),
        (("run", "--listen", "0.0.0.0:8600"), "others can reach it; set listen_token"),
        (("run", "--listen", "127.0.0.1:0", "--allow-host", "http://x"), "--allow-host http://x: expected the name or"),
        (("show", "--by", "word"), "by word: must be one of topic, source, entity"),
        (("alerts", "7"), "no alert 7; `tfapp monitor alerts` lists them"),
        (("alerts", str(2**63)), f"no alert {2**63}; `tfapp monitor alerts` lists them"),
        (("alerts", "--kind", "fire"), "kind fire: must be one of rise, vocabulary, length, confidence"),
        (("resend", "7"), "no alert 7; `tfapp monitor alerts` lists them"),
        (("show", "--plot", "x.gif"), "x.gif: must end in .png, .svg, .pdf"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], complains: str) -> None:
    assert complains in complaint(call("monitor", *arguments, "--home", tmp_path / "home"))


def test_a_bad_token_on_the_command_line_is_a_line_behind_the_warning(tmp_path: Path) -> None:
    settings = ("--set", "webhook.url=https://h/", "--set", "webhook.token=\u00e4")
    result = call("monitor", "run", "-", *settings, "--home", tmp_path / "home")
    warning, mistake = result.err.splitlines()
    assert result.code == 2
    assert "warning: --set has a password or token" in warning
    assert "webhook.token: must be printable ASCII without spaces around it, as it is sent in a header" in mistake


def test_a_server_without_the_models_is_told(home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor.open(home, server="localhost:1", overrides=["listen_items=2000"])
    with pytest.raises(ServerError, match="localhost:1: the model toy cannot be asked"):
        replace(monitor, wait=0.5).run([tmp_path], quiet=True)
    assert "listen_items = 2000 (by default 1000): " in caplog.text
    with pytest.raises(DataError, match="no such file or folder"):
        monitor.run([tmp_path / "deep" / "none.jsonl"])
    with pytest.raises(SettingsError, match="nothing to read"):
        monitor.run()


@pytest.mark.slow
def test_a_restart_of_the_model_server_loses_nothing(home: Path, tmp_path: Path) -> None:
    file, lines = tmp_path / "shop.jsonl", stream()
    file.write_text("".join(lines[:100]))
    stop = threading.Event()
    with api.serve(home / "models") as server:
        port = int(server.address.rpartition(":")[2])
        monitor = Monitor.open(home, server=server.address)
        run = threading.Thread(target=lambda: monitor.run([file], stop=stop, quiet=True))
        run.start()
        _until(lambda: monitor.queries.counts()["texts"] == 100)
    with file.open("a") as out:
        out.write("".join(lines[100:]))
    with api.serve(home / "models", port=port):
        _until(lambda: monitor.queries.counts()["texts"] == 240)
        # Windows are evaluated behind the texts, the more rarely the longer it takes.
        _until(monitor.queries.alerts)
        stop.set()
        run.join()


@pytest.mark.slow
def test_killed_again_and_again_it_loses_and_doubles_nothing(home: Path, tmp_path: Path) -> None:
    """Killed after so many texts each time, while the file grows and is rotated; compared with a run that is not."""
    lines, file = stream(surge=(8, 9, 17, 18), hours=24, texts=50), tmp_path / "shop.jsonl"
    copy = tmp_path / "whole"
    shutil.copytree(home, copy)
    file.write_text("".join(lines))
    calm = Monitor.open(copy)
    assert calm.run([file], follow=False, quiet=True).stored == 1200
    file.write_text("")
    with hook() as (url, keys), api.serve(home / "models") as server:
        arguments = ("monitor", "run", file, "--home", home, "--server", server.address, "--set", f"webhook.url={url}")
        monitor = Monitor.open(home)
        for number, mark in enumerate((90, 230, 500, 640, 1000)):
            with file.open("a") as out:
                out.write("".join(lines[number * 240 : (number + 1) * 240]))
            kill_when(lambda mark=mark: monitor.queries.counts()["texts"] >= mark, *arguments)  # type: ignore[misc]
            if number == 2:
                file.rename(tmp_path / "shop.jsonl.1")
                file.touch()
        assert monitor.queries.counts()["texts"] < 1200
        assert finish(start(*arguments, "--once")).code == 0
    assert monitor.queries.counts() == calm.queries.counts() | {"repeated": monitor.queries.counts()["repeated"]}
    for by in ("topic", "source"):
        assert monitor.queries.trends(by) == calm.queries.trends(by)  # type: ignore[arg-type]
    alerts = monitor.queries.alerts()
    assert [(a.key, a.negatives, a.state) for a in alerts] == [
        (a.key, a.negatives, a.state) for a in calm.queries.alerts()
    ]
    assert len(alerts) >= 2
    # Each is told when it is opened and when it has ended; after a crash perhaps once more, with the same key.
    assert len(set(keys)) == 2 * len(alerts)


@pytest.mark.slow
def test_it_ends_in_order_when_it_is_told_to(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    file.write_text("".join(stream(hours=2)))
    process = start("monitor", "run", file, "--home", home)
    monitor = Monitor.open(home)
    wait_for(lambda: monitor.queries.counts()["texts"] == 40, process, pause=0.1)
    process.terminate()
    result = finish(process)
    assert (result.code, "Read      40 new texts" in result.out) == (0, True), result


@pytest.mark.slow
def test_the_demo_finds_the_surge(tmp_path: Path) -> None:
    result = call("monitor", "demo", "--home", tmp_path)
    assert result.code == 0, result
    assert "Alert     tech: negative share from" in result.out
    assert "product-reviews, 2026-03-03" in result.out
    assert (tmp_path / "trends.png").is_file()


@contextmanager
def hook() -> Iterator[tuple[str, list[str]]]:
    """A web address that takes alerts, and the keys that it was sent."""
    keys: list[str] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", keys
        server.shutdown()


def _until(event: object, seconds: float = 120) -> None:
    import time

    end = time.monotonic() + seconds
    while not event():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
