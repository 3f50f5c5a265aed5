"""A recommender from files to lists, at toy size: its embedder exported and served."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.apps.recommend.library import made_event_log, made_events
from tests.processes import call, complaint, kill_when
from tests.toy import TOPICS, toy_text, write_toy_preset
from tfapp import api
from tfapp.apps.recommend.catalogue import Catalogue
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.simulated_readers import publish, simulate
from tfapp.apps.shared.store import Store
from tfapp.core.progress import Advance
from tfapp.core.remote_server import RemoteServer
from tfapp.errors import DataError, ServerError
from tfapp.tasks.experiments import parse_experiment

COUNT = 45


def write(file: Path, rows: Sequence[Sequence[object]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    return file


def item_rows(first: int = 0, last: int = COUNT) -> list[Sequence[object]]:
    topics = sorted(TOPICS)
    return [(f"i{n}", toy_text(topics[n % 3], n), f"{topics[n % 3]}|all") for n in range(first, last)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recommend")


@pytest.fixture(scope="module")
def items(folder: Path) -> Path:
    """Items, one row broken."""
    return write(folder / "items.csv", [("id", "title", "tags"), *item_rows(), ("alone",)])


@pytest.fixture(scope="module")
def events(folder: Path) -> Path:
    """Events, one of them of an item that is not there."""
    log = made_events(made_event_log(COUNT, users=30, each=8))
    rows = [(event.user, event.item, event.kind, event.time.isoformat()) for event in log]
    return write(folder / "events.csv", [("user", "item", "kind", "time"), *rows, ("u1", "i99", "view", "2026-01-01")])


@pytest.fixture(scope="module")
def options(folder: Path) -> list[str]:
    return [f"embedder_preset={write_toy_preset(folder / 'preset', max_sequence_length=128)}"]


@pytest.fixture(scope="module")
def service(folder: Path, items: Path, events: Path, options: list[str]) -> Recommend:
    """A service with items and events, trained."""
    application = Recommend.open(folder / "home", overrides=options)
    item_result = application.add_items(items, quiet=True)
    assert (item_result.addition.added, item_result.addition.rejected, item_result.embedded, item_result.items) == (
        COUNT,
        1,
        COUNT,
        COUNT,
    )
    result = application.add_events(events, quiet=True)
    assert (result.added, result.rejected) == (240, 1)
    training = application.train(quiet=True)
    assert (training.events, training.embedder) == (240, "minilm-l6/1")
    return application


def test_files_may_come_again_and_grow(service: Recommend, items: Path, events: Path, tmp_path: Path) -> None:
    result = service.add_items(items, quiet=True)
    assert (result.addition.added, result.addition.repeated, result.embedded) == (0, COUNT, 0)
    assert service.add_events(events, quiet=True).added == 0
    more_items = write(tmp_path / "more.csv", [("id", "title"), ("late", toy_text("money", 77))])
    reports = []

    @contextmanager
    def show_progress(description: str, _unit: str = "", *, quiet: bool = False) -> Iterator[Advance]:
        yield lambda count, total=None, _note="": reports.append((description, count, total, quiet))

    assert replace(service, show_progress=show_progress).add_items(more_items, quiet=True).embedded == 1
    assert reports == [("Embedding", 1, 1, True)]
    # The settings of the first call were kept.
    assert Recommend.open(service.home).settings == service.settings
    with service.recommender() as recommender:
        assert recommender.recommend("u2", 1, new_only=True).suggestions[0].item.key == "late"


def test_lists_need_no_model_server_and_texts_survive_its_restart(service: Recommend) -> None:
    away = replace(service, server=RemoteServer("localhost:1"), wait=0.5)
    with away.recommender() as recommender:
        assert len(recommender.recommend("u1", 5).suggestions) == 5
    with api.serve(service.home / "models") as server:
        port = int(server.address.rpartition(":")[2])
        remote = Recommend.open(service.home, server=server.address)
        with remote.recommender() as recommender:
            first = recommender.recommend("nobody", 3, about=toy_text("tech", 5))
    with remote.recommender() as recommender, api.serve(service.home / "models", port=port):
        assert recommender.recommend("nobody", 3, about=toy_text("tech", 5)) == first


def test_items_without_a_model_server_are_kept_and_embedded_later(service: Recommend, tmp_path: Path) -> None:
    more_items = write(tmp_path / "more.csv", [("id", "title"), ("x1", toy_text("tech", 91))])
    away = replace(service, server=RemoteServer("localhost:1"), wait=0.5)
    with pytest.raises(ServerError, match=r"localhost:1: the model minilm-l6 cannot be asked: .*goes on where"):
        away.add_items(more_items, quiet=True)
    # Until then it is found by who liked it, and not by its text.
    with away.recommender() as recommender:
        assert recommender.recommend("u1", 5).suggestions
    result = service.add_items(more_items, quiet=True)
    assert (result.addition.repeated, result.embedded) == (1, 1)


def test_what_a_pair_model_learns_from_is_written(service: Recommend) -> None:
    result = call("recommend", "train", "--home", service.home, "--set", "ranker=taste", "--server", "localhost:1")
    assert "localhost:1: the model taste cannot be asked: " in complaint(result)
    rows = [json.loads(line) for line in (service.home / "training/ranking.jsonl").read_text().splitlines()]
    assert {row["label"] for row in rows} == {0, 1}
    assert set(rows[0]) == {"query", "candidate", "label"}


def test_a_training_of_other_features_is_not_used(service: Recommend) -> None:
    other_library = Recommend.open(service.home, overrides=["popular_days=[1, 2]"])
    with other_library.recommender() as recommender:
        suggestions = recommender.recommend("u1", 5)
    assert (suggestions.trained, len(suggestions.suggestions)) == (False, 5)


def test_nothing_is_recommended_before_there_are_items(tmp_path: Path) -> None:
    service = Recommend.open(tmp_path)
    with pytest.raises(DataError, match="no item is known yet; `tfapp recommend items FILE"):
        service.recommender().__enter__()
    with pytest.raises(DataError, match="no item is known yet"):
        service.train(quiet=True)


def test_the_commands_do_the_same(service: Recommend) -> None:
    home = ("--home", service.home)
    suggestions = json.loads(call("recommend", "for", "u1", "-k", "4", *home, "--json").out)
    assert (len(suggestions["suggestions"]), suggestions["trained"], suggestions["degraded"]) == (4, True, "")
    assert {"item", "title", "score", "ways", "reasons"} <= set(suggestions["suggestions"][0])
    output = call("recommend", "for", "u1", "-k", "4", *home).out
    assert "because" in output
    assert suggestions["suggestions"][0]["item"] in output
    assert "i3 " in call("recommend", "like", "i0", "-k", "20", *home).out
    listing = call("recommend", "show", *home).out
    assert "events.csv, line 242: there is no such item; add items first: u1 view i99" in listing
    assert json.loads(call("recommend", "show", *home, "--json").out)["users"] == 30
    scores = json.loads(call("recommend", "evaluate", "--after", "4", *home, "--json").out)
    assert scores["all_items"]["ours"]["ndcg"] > scores["all_items"]["popularity"]["ndcg"]
    assert "nDCG@10" in call("recommend", "evaluate", "--after", "4", *home).out
    assert call("recommend", "train", *home).out.startswith("Learnt    from ")


@pytest.mark.parametrize(
    ("arguments", "complains"),
    [
        (("items", "a.csv", "--column", "title"), "--column title: expected NAME=VALUE"),
        (("items", "no-such.csv"), "no-such.csv: cannot be read: No such file or directory"),
        (("items", "a.txt"), 'a.txt: the suffix ".txt" is none of .csv, .tsv, .jsonl, .ndjson; convert the file'),
        (("events", "a.csv", "--set", "neighbors=5"), 'unknown setting neighbors; did you mean "neighbours"?'),
        (("for", "u", "--set", "like_from=2"), "dislike_below 3 must not be over like_from 2"),
        (("like", "i1"), "no item is known yet; `tfapp recommend items FILE"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], complains: str, tmp_path: Path) -> None:
    assert complains in complaint(call("recommend", *arguments, "--home", tmp_path))


def test_simulated_readers_open_what_is_out_and_like_what_they_began_with() -> None:
    topics = sorted(TOPICS)
    rows = [
        {"id": f"{n}", "text": f"{toy_text(topics[n % 3], n)}\n\nBody.", "label": topics[n % 3]} for n in range(300)
    ]
    articles = publish(rows)
    readings = list(simulate(articles))
    out = {article.key: article for article in articles}
    assert all(out[reading["item"]].published < datetime.fromisoformat(reading["time"]) for reading in readings)
    assert len({(reading["user"], reading["item"]) for reading in readings}) == len(readings)
    last = max(article.published for article in articles).date()
    assert not any(out[reading["item"]].published.date() == last for reading in readings)
    assert readings == list(simulate(articles))


@pytest.mark.slow
def test_a_reading_that_is_killed_is_gone_on_with(tmp_path: Path, options: list[str]) -> None:
    file = write(tmp_path / "items.csv", [("id", "title", "tags"), *item_rows(0, 3000)])
    arguments = ("recommend", "items", file, "--home", tmp_path / "home", "--set", options[0])
    Recommend.open(tmp_path / "home").store.close()

    def vectors_are_there() -> bool:
        with Store.open(tmp_path / "home/store.sqlite") as store:
            catalogue = Catalogue(store, lambda: None, RecommendSettings())  # type: ignore[arg-type, return-value]
            return len(catalogue.vectors.ids("minilm-l6/1")) > 256

    kill_when(vectors_are_there, *arguments)
    service = Recommend.open(tmp_path / "home", overrides=options)
    assert 0 < len(service.catalogue.vectors.texts_without_vectors("minilm-l6/1")) < 3000
    result = service.add_items(file, quiet=True)
    assert (result.items, result.addition.repeated, service.catalogue.vectors.texts_without_vectors("minilm-l6/1")) == (
        3000,
        3000,
        [],
    )


@pytest.mark.slow
def test_a_pair_model_is_trained_from_what_was_written_and_weighs_in(
    service: Recommend, options: list[str], tmp_path: Path
) -> None:
    experiment = parse_experiment(
        {
            "name": "taste",
            "task": "ranking",
            "data": {"train": str(service.home / "training/ranking.jsonl")},
            "model": {"preset": options[0].partition("=")[2], "max_length": 64},
            "training": {"epochs": 1},
        }
    )
    api.export(api.fit(experiment, runs=tmp_path / "runs", quiet=True), service.home / "models", quiet=True)
    ranking = Recommend.open(service.home, overrides=["ranker=taste", "negatives=5"])
    training = ranking.train(quiet=True)
    assert training.ranking.paired is not None
    with ranking.recommender() as recommender:
        suggestions = recommender.recommend("u1", 5)
    assert (len(suggestions.suggestions), suggestions.degraded) == (5, "")


@pytest.mark.slow
def test_the_demo_shows_everything(tmp_path: Path) -> None:
    output = call("recommend", "demo", "--home", tmp_path / "home").out
    for part in (
        "simulated",
        "Learnt",
        "For reader-7",
        "What nobody has read yet",
        "you look for",
        "item-kNN",
        "What next",
    ):
        assert part in output
