from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.console_site import Site
from tests.processes import call, complaint, start, wait_until
from tests.toy import toy_text
from tfapp.apps.feedback.labels import Label

PASSWORD = "TFAPP_CONSOLE_PASSWORD"


@pytest.mark.parametrize(
    ("arguments", "complains"),
    [
        (("--host", "0.0.0.0"), f"others can reach the console there, so it needs a password; set {PASSWORD}"),
        (("--password-file", "no-such-file"), "--password-file no-such-file: cannot be read"),
        (("--home", "nowhere"), "--home nowhere: no such folder"),
        (("--database", "postgres//me:secret@host/x"), "postgres//me:***@host/x: no database URL"),
        (("--tls-key", "key.pem"), "--tls-certificate and --tls-key go together"),
        (("--host", "203.0.113.7", "--password-file", "PASSWORD"), "cannot listen on 203.0.113.7:8600"),
        (("--password-file", "SHORT"), "the password: must have 8 characters or more, got 3"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], complains: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PASSWORD, raising=False)
    Path("PASSWORD").write_text("correct horse\n")
    Path("SHORT").write_text("abc\n")
    assert complains in complaint(call("console", *arguments))


def test_the_password_is_no_argument() -> None:
    assert "No such option" in call("console", "--password", "x").err


def test_it_says_where_it_is_and_ends_by_a_signal(tmp_path: Path) -> None:
    process = start("console", "--home", tmp_path, "--host", "0.0.0.0", "--port", "0", **{PASSWORD: "correct horse"})
    try:
        assert process.stdout is not None
        output = process.stdout.readline() + process.stdout.readline()
        (address,) = re.findall(r"console on (http://localhost:\d+); stop with Ctrl-C", output)
        assert "travels in plain text" in output
        with httpx.Client() as client:
            assert client.get(address, headers={"X-Large": "a" * 70_000}).status_code == 431
            assert client.get(f"{address}/models").headers["location"] == "/login?next=/models"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
        log = process.stderr.read() if process.stderr else ""
        assert "--host 0.0.0.0: other machines can open the console" in log
        assert "Traceback" not in log
    finally:
        process.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_real_models_of_several_folders_are_served_without_noise(toy_models: Path, tmp_path: Path) -> None:
    for folder in ("models", "support/models", "monitor/models"):
        shutil.copytree(toy_models, tmp_path / folder)
    process = start("console", "--home", tmp_path, "--port", "0")
    try:
        assert process.stdout is not None
        (address,) = re.findall(r"(http://\S+);", process.stdout.readline())
        with httpx.Client(base_url=address, timeout=60) as client:
            wait_until(lambda: client.get("/models").text.count("serving</span>") == 3, seconds=120)
            (token,) = re.findall(r'name="token" value="(\w+)"', client.get("/try/models/toy").text)
            answer = client.post("/try/models/toy", data={"token": token, "text": toy_text("sport", 3)})
            assert 'class="headline">sport' in answer.text
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()


def test_texts_and_labels_from_the_command_line(site: Site, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "feedback")
    file = tmp_path / "messages.csv"
    file.write_text("id,message\n1,Money for the match\n2,\n")
    assert "Nothing yet." in call("feedback", "show", *home).out
    output = call("feedback", "add", file, "--model", "news", *home).out
    assert "messages.csv: 1 text in the pool; 1 row of the file had no text" in output
    assert "no text was labelled for this model" in complaint(call("feedback", "export", "news", tmp_path / "x", *home))
    feedback = Site(tmp_path).state.feedback
    (pool,) = feedback.pools.all()
    feedback.labels.give(Label("news", feedback.pools.least_certain(pool)[0].text, ("sport",)))
    state = json.loads(call("feedback", "show", *home, "--json").out)
    assert (state["labels"], state["pools"][0]["labelled"]) == ({"news": 1}, 1)
    out = tmp_path / "labels.jsonl"
    assert f"{out}: 1 labelled text\n" in call("feedback", "export", "news", out, *home).out
    assert json.loads(out.read_text())["label"] == "sport"
