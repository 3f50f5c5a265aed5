"""The page Train, with a stand-in for the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tfapp_client import Client

from tests.console.test_pages import Outline, text_of
from tests.console_site import Site, model_server, write_model
from tests.processes import wait_until
from tests.toy import toy_rows
from tfapp import Run
from tfapp.api import ServedModels
from tfapp.console.console_state import ConsoleState
from tfapp.console.training_queue import TrainingQueue
from tfapp.core.files import write_text
from tfapp.registry import STABLE, LabelStore
from tfapp.web.access import Access

# Prints the arguments, then what the file beside it says; waits for a file; ends as that file says.
PROGRAM = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "arguments").write_text("\\n".join(sys.argv[2:]))
print((folder / "lines").read_text(), flush=True)
while not (folder / "go").exists():
    time.sleep(0.01)
sys.exit((folder / "go").read_text() or 0)
"""
LINES = [
    {"event": "start", "step": 0, "total_steps": 40},
    {"event": "step", "step": 10, "total_steps": 40, "loss": 0.9, "seconds_left": 300.0},
    {"event": "step", "step": 20, "total_steps": 40, "loss": 0.4, "seconds_left": 200.0},
    {
        "event": "epoch",
        "epoch": 1,
        "step": 20,
        "best": True,
        "dev": {"loss": 0.5, "score": 0.8, "score_name": "accuracy"},
    },
]
FORM = {"then": "start", "task": "classification", "column.text": "message", "column.label": "topic"}
FORM |= {"quality": "good", "model": "mail"}


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "lines").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return folder


@pytest.fixture
def shop(tmp_path: Path, stand_in: Path) -> Iterator[Site]:
    home = tmp_path / "shop"
    home.mkdir()
    server = model_server()
    queue = TrainingQueue(
        home / "training" / "queue", program=(sys.executable, str(stand_in / "program.py"), str(stand_in))
    )

    @contextmanager
    def connect(_folder: Path) -> Iterator[ServedModels]:
        yield ServedModels("", Client(transport=server))

    site = Site(home, state=ConsoleState(home, connect=connect, trainings=queue), server=server)
    with site.browser:
        yield site
    for training in queue.all():
        training.kill()


def csv_file(rows: int = 60) -> bytes:
    lines = [f"{number},{row['text']},{row['label']},{'ab'[number % 2]}" for number, row in enumerate(toy_rows(rows))]
    return "\n".join(["id,message,topic,shop", *lines, "900,,sport,a", "901,no topic,,b"]).encode()


def upload(site: Site, content: bytes | None = None, name: str = "my mail.csv") -> Any:
    content = csv_file() if content is None else content
    return site.post("/train", page="/train", files={"file": (name, content)})


def start(site: Site, **fields: str) -> Any:
    return site.post("/train/file/my-mail.csv", {**FORM, **fields}, page="/train")


def test_a_file_is_uploaded_looked_at_and_corrected(shop: Site) -> None:
    answer = upload(shop)
    assert answer.url.path == "/train/file/my-mail.csv"
    text = text_of(answer.text)
    assert "62 rows · columns id, message, topic, shop" in text
    assert "money (20)" in text
    assert "empty text 1 row without a visible character" in text
    assert str(shop.home) not in answer.text
    assert 'texts: column "message"' in text
    assert "<option selected>message</option>" in answer.text
    second_answer = start(shop, then="look", **{"column.label": "shop"})
    assert second_answer.url.query == b"column.label=shop"
    assert "a (31)" in text_of(second_answer.text)
    assert "my-mail.csv" in text_of(shop.get("/train").text)


def test_a_task_that_was_not_found_out_asks_for_its_columns(shop: Site) -> None:
    rows = [f"where is {row['text']},{row['text']},{number % 2}" for number, row in enumerate(toy_rows(60))]
    upload(shop, "\n".join(["asked,found,fits", *rows]).encode())
    answer = start(shop, then="look", task="ranking", **{"column.text": "", "column.label": ""})
    assert "no column" in text_of(answer.text)
    assert "Start training" not in answer.text
    columns = {"column.text": "", "column.query": "asked", "column.candidate": "found", "column.label": "fits"}
    assert "Start training" in start(shop, then="look", task="ranking", **columns).text


def test_what_was_found_out_is_not_a_correction(shop: Site) -> None:
    lines = [f"{row['text']},{1 + number % 5}" for number, row in enumerate(toy_rows(60))]
    upload(shop, "\n".join(["message,stars", *lines]).encode())
    page = shop.get("/train/file/my-mail.csv").text
    assert "a rating" in text_of(page)
    answer = start(shop, then="look", **{"column.label": "stars"})
    assert answer.url.query == b""


def test_the_command_is_told_what_was_chosen(shop: Site, stand_in: Path) -> None:
    upload(shop)
    answer = start(shop, quality="fast", minutes="5", **{"column.label": "shop"})
    assert answer.url.path == "/train/1"
    wait_until((stand_in / "arguments").exists)
    wait_until(lambda: bool(shop.state.trainings.get(1).log().dev))
    page = shop.get("/train/1").text
    text = text_of(page)
    assert "Training running" in text
    assert "step 20 of 40 50.0 % loss 0.400 · about 3 minutes left" in text
    assert "Accuracy" in text
    assert 'aria-label="Training loss by step"' in page
    assert Outline(page).inline == []
    assert (stand_in / "arguments").read_text().splitlines() == [
        "train",
        str(shop.home / "training" / "uploads" / "my-mail.csv"),
        "--quality=fast",
        "--minutes=5",
        "--column=label=shop",
        f"--runs={shop.home / 'runs'}",
        f"--models={shop.home / 'models'}",
        "--name=mail",
        "--json",
    ]


def test_one_is_cancelled_and_the_next_one_starts(shop: Site) -> None:
    upload(shop)
    for model in ("one", "two", "three"):
        start(shop, model=model)
    assert "2 trainings are before it" in text_of(shop.get("/train/3").text)
    wait_until(lambda: shop.state.trainings.get(1).state == "running")
    assert shop.post("/train/2/cancel", page="/train").status_code == 200
    shop.post("/train/1/cancel", page="/train")
    wait_until(lambda: shop.state.trainings.get(3).state == "running")
    text = text_of(shop.get("/train").text)
    assert "2: my-mail.csv two cancelled" in text
    assert "1: my-mail.csv one cancelled" in text


def test_a_training_that_failed_says_why(shop: Site, stand_in: Path) -> None:
    upload(shop)
    start(shop)
    # By rename: the program reads the file as soon as it is there.
    write_text(stand_in / "go", "tfapp: <b>mail.csv</b>: row 7 is broken; repair it")
    wait_until(lambda: shop.state.trainings.get(1).state == "failed")
    page = shop.get("/train/1").text
    assert "<h2>Failed</h2>" in page
    assert "&lt;b&gt;mail.csv&lt;/b&gt;: row 7 is broken; repair it" in page


def test_a_finished_one_has_its_report_and_is_served(shop: Site, stand_in: Path, toy_run: Run) -> None:
    upload(shop)
    start(shop, model="news")
    folder = write_model(shop.home / "models", "news", "classification", labels=["money", "sport"])
    end = {"event": "end", "run": str(toy_run.path), "test": {"score": 0.9, "score_name": "accuracy", "loss": 0.1}}
    wait_until((stand_in / "arguments").exists)
    lines = shop.state.trainings.get(1).folder / "lines.jsonl"
    with lines.open("a") as file:
        file.write(f"{json.dumps(end)}\n" + json.dumps({"event": "published", "version": str(folder)}) + "\n")
    (stand_in / "go").touch()
    wait_until(lambda: shop.state.trainings.get(1).state == "finished")
    wait_until(lambda: "serving" in text_of(shop.get("/train/1").text))
    page = shop.get("/train/1").text
    assert '<a class="button primary" href="/try/models/news">Try it</a>' in page
    assert "accuracy" in text_of(page)
    report = shop.get("/train/1/report")
    assert "<h1>" in report.text
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert report.headers["x-frame-options"] == "DENY"


def test_a_version_that_no_label_names_is_published_and_waits_for_its_promotion(shop: Site, stand_in: Path) -> None:
    models = shop.home / "models"
    write_model(models, "news", "classification", 1)
    LabelStore.open(models).set_label("news", STABLE, 1, "promote", expected=None)
    folder = write_model(models, "news", "classification", 3)
    (stand_in / "lines").write_text(json.dumps({"event": "published", "version": str(folder)}) + "\n")
    upload(shop)
    start(shop, model="news")
    wait_until(lambda: bool(shop.state.trainings.get(1).log().version))
    shop.state.endpoints["models"].client()
    page = shop.get("/train/1").text
    assert "The model published" in text_of(page)
    assert f"<code>tfapp models promote news 3 --models {models}</code>" in page
    assert '<a href="/models/models/news">Models</a>' in page
    assert "Try it" not in page
    LabelStore.open(models).set_label("news", STABLE, 3, "promote", expected=1)
    assert "tfapp models promote" not in shop.get("/train/1").text


@pytest.mark.parametrize(
    ("fields", "complains"),
    [
        ({"model": "../evil"}, "model: letters, digits"),
        ({"model": "-rf"}, "model: letters, digits"),
        ({"model": " "}, "model: must not be empty"),
        ({"minutes": "0"}, "minutes: 1 or more"),
        ({"minutes": "ten"}, "minutes: must be a whole number"),
        ({"quality": "perfect"}, "quality: must be one of"),
        ({"task": "cooking"}, "task: must be one of"),
        ({"then": "format"}, "then: must be one of"),
        ({"column.label": "x" * 201}, "column.label: at most 200 characters"),
    ],
)
def test_a_mistake_in_the_form_starts_nothing(shop: Site, fields: dict[str, str], complains: str) -> None:
    upload(shop)
    answer = start(shop, **fields)
    assert answer.status_code == 400
    assert complains in text_of(answer.text)
    assert shop.state.trainings.all() == []


def test_a_column_that_is_not_there_starts_nothing(shop: Site) -> None:
    upload(shop)
    answer = start(shop, **{"column.label": "no-such"})
    assert (answer.status_code, "no-such" in answer.text) == (400, True)
    assert shop.state.trainings.all() == []


@pytest.mark.parametrize("path", ["/train/file/none.csv", "/train/file/..%2F..%2Fetc%2Fpasswd", "/train/7", "/train/x"])
def test_what_is_not_there_is_one_line(shop: Site, path: str) -> None:
    answer = shop.get(path)
    assert answer.status_code in (400, 404)
    assert "what-went-wrong" in answer.text


def test_a_file_is_deleted(shop: Site) -> None:
    upload(shop)
    assert "my-mail.csv deleted." in text_of(start(shop, then="delete").text)
    assert list(shop.state.uploads.folder.iterdir()) == []


def test_nothing_is_uploaded_or_started_without_token_or_login(shop: Site, tmp_path: Path) -> None:
    upload(shop)
    for path in ("/train", "/train/file/my-mail.csv", "/train/1/cancel"):
        assert shop.browser.post(path, data=FORM).status_code == 403
    locked_site = Site(shop.home, access=Access("0.0.0.0", password="correct horse"))
    for path in ("/train", "/train/file/my-mail.csv", "/train/1/report"):
        assert locked_site.get(path, follow_redirects=False).headers["location"].startswith("/login")
        assert locked_site.browser.post(path, data=FORM).status_code == 401
    assert shop.state.trainings.all() == []


def test_an_upload_may_be_larger_than_other_requests(shop: Site) -> None:
    answer = upload(shop, csv_file() + (b" " * 4095 + b"\n") * (33 << 8))
    assert answer.status_code == 200
    assert "must end with one of" in text_of(upload(shop, name="virus.exe").text)
