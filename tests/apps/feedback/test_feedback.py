from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import grpc
import pytest
from tfapp_client import Client
from tfapp_client.errors import StatusError
from tfapp_client.testing import FakeTransport

from tfapp import api
from tfapp.apps.feedback.labels import Label
from tfapp.apps.feedback.service import Feedback
from tfapp.apps.feedback.tables import PoolRow
from tfapp.apps.shared.store import Store
from tfapp.errors import DataError, ServerError, SettingsError

TEXTS = {"Shares rose": 0.95, "A match about money": 0.55, "England win": 0.1, "Stars and shares": 0.6}


def chances(text: str) -> dict[str, float]:
    money = TEXTS.get(text, 0.5)
    return {"money": money, "sport": 1 - money}


def server(version: int = 1) -> FakeTransport:
    return FakeTransport().classifier("news", chances, version=version)


@pytest.fixture
def feedback(store: Store) -> Feedback:
    seconds = count()
    return Feedback(store, lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(seconds)))


@pytest.fixture
def pool(feedback: Feedback, tmp_path: Path) -> PoolRow:
    file = tmp_path / "messages.csv"
    file.write_text("id,message\n" + "".join(f"{row},{text}\n" for row, text in enumerate(TEXTS)) + "broken\n")
    return feedback.add(file, model="news")


def texts(feedback: Feedback, pool: PoolRow, **options: object) -> list[str]:
    return [item.text for item in feedback.pools.least_certain(pool, limit=9, **options)]  # type: ignore[arg-type]


def test_the_least_certain_texts_come_first_and_labelled_ones_not_again(feedback: Feedback, pool: PoolRow) -> None:
    assert (pool.name, pool.rejected, feedback.pools.progress(pool).texts) == ("messages.csv", 1, 4)
    assert feedback.score(pool, Client(transport=server())) == 4
    assert texts(feedback, pool) == ["A match about money", "Stars and shares", "England win", "Shares rose"]
    first, second = feedback.pools.least_certain(pool, limit=2)
    assert (first.predicted, first.version) == ("money", 1)
    feedback.labels.give(Label("news", first.text, ("sport",), predicted=first.predicted))
    feedback.pools.skip(pool, second.id)
    assert texts(feedback, pool) == ["England win", "Shares rose"]
    progress = feedback.pools.progress(feedback.pools.get(pool.id))
    assert (progress.scored, progress.labelled, progress.skipped) == (4, 1, 1)
    assert feedback.pools.get(pool.id).labels == ["money", "sport"]


def test_a_new_version_is_asked_about_what_waits(feedback: Feedback, pool: PoolRow) -> None:
    feedback.score(pool, Client(transport=server()))
    feedback.labels.give(Label("news", "England win", ("sport",)))
    assert feedback.score(pool, Client(transport=server())) == 0
    assert feedback.score(pool, Client(transport=server(version=2))) == 3


def test_a_scoring_that_broke_off_goes_on(feedback: Feedback, pool: PoolRow, tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    file.write_text("message\n" + "".join(f"text number {row}\n" for row in range(100)))
    assert feedback.add(file, model="news").id == pool.id
    fake = server()
    client = Client(transport=fake)
    assert feedback.score(pool, client, go_on=lambda count: count < 64) == 64
    fake.fail(grpc.StatusCode.PERMISSION_DENIED, "no")
    with pytest.raises(StatusError, match="no"):
        feedback.score(pool, client)
    assert feedback.score(pool, client) == 40
    assert feedback.pools.progress(pool).texts == 104


def test_a_label_is_one_however_often_it_is_given_and_the_last_word_holds(feedback: Feedback) -> None:
    for label in ("money", "money", "sport"):
        feedback.labels.give(Label("news", "Shares rose", (label,), given_by="Ann"))
    feedback.labels.give(Label("news", "  shares ROSE ", ("sport",), given_by="Ben"))
    (row,) = feedback.labels.rows("news")
    assert (row["label"], row["given_by"], feedback.labels.counts()) == ("sport", "Ben", {"news": 1})
    feedback.labels.take_back("news", "Shares rose")
    assert feedback.labels.counts() == {}


def test_what_is_exported_is_what_a_training_reads(feedback: Feedback, tmp_path: Path) -> None:
    for row in range(40):
        feedback.labels.give(Label("news", f'<b>Text "{row}"</b>, naïve 你好', (("money", "sport")[row % 2],)))
    file = tmp_path / "out" / "labels.jsonl"
    assert feedback.export("news", file) == 40
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["label"] == "money"
    assert list(api.load_data(str(file)).labels) == ["money", "sport"]


@pytest.mark.parametrize(
    ("label", "complains"),
    [
        (Label("news", "x", ()), "a text has one label, got 0"),
        (Label("news", "x", ("a", "b")), "a text has one label, got 2"),
        (Label("news", "x", ("a" * 201,)), "the label: must have from 1 to 200 characters"),
        (Label("news", " ", ("a",)), "the text is empty"),
    ],
)
def test_what_is_no_label_is_refused(feedback: Feedback, label: Label, complains: str) -> None:
    with pytest.raises(SettingsError, match=complains):
        feedback.labels.give(label)


def test_of_several_labels_none_is_an_answer(feedback: Feedback) -> None:
    feedback.labels.give(Label("topics", "x", (), multi_label=True))
    assert [row["label"] for row in feedback.labels.rows("topics")] == [[]]


def test_what_is_missing_is_told(feedback: Feedback, pool: PoolRow, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("number\n1\n")
    with pytest.raises(DataError, match=r"none\.csv: no column holds texts; found: number"):
        feedback.add(tmp_path / "none.csv", model="news")
    with pytest.raises(DataError, match="new: no text was labelled"):
        feedback.export("new", tmp_path / "x.jsonl")
    with pytest.raises(ServerError, match="news: no version of this model is served"):
        feedback.score(pool, Client(transport=FakeTransport()))
    with pytest.raises(DataError, match="no pool nothing"):
        feedback.pools.get("nothing")
