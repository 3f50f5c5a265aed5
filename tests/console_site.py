"""A console for the tests: models folders with records, a fake model server, a small customer service."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tfapp_client import Answer, Client, Entity
from tfapp_client.testing import FakeTransport

from tests.apps.monitor.stream import HOUR, START, Stream, classified_message
from tests.apps.support.service import ROWS, fake_server
from tfapp.api import ServedModels
from tfapp.apps.monitor.message import ClassifiedMessage
from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_index import embed_new
from tfapp.apps.support.service import Support
from tfapp.console.app import make_app
from tfapp.console.console_state import ConsoleState
from tfapp.errors import ServerError
from tfapp.web.access import Access

__all__ = [
    "PASSWORD",
    "Site",
    "build_home",
    "build_monitor",
    "build_recommend",
    "build_support",
    "empty_site",
    "log_in",
    "model_server",
    "ready_home",
    "site",
    "write_model",
    "write_models",
]

PASSWORD = "correct horse"
PLACES = ("Berlin", "Rome", "Łódź")
PHONES = ("The phone is quick and its pictures are sharp.", "The phone dies after two hours, a bad joke.")
PARCELS = ("The parcel came a day early.", "The parcel was left in the rain <b>again</b>.")
TOPICS = {"billing": 0.91, "returns": 0.72, "delivery": 0.04}


def write_model(models: Path, name: str, task: str, version: int = 1, **metadata: Any) -> Path:
    """Writes what is on record of a version; there is no graph, since a fake answers for it."""
    folder = models / name / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    content = {"task": task, "preset": "minilm-l6", "labels": [], "metrics": {}, "data": {}, **metadata}
    (folder / "assets.extra" / "tfapp.json").write_text(json.dumps(content), encoding="utf-8")
    card = f"# {name}\n\nA model for {task}.\n\n| | |\n|---|---|\n| accuracy | 0.97 |\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def write_models(models: Path) -> None:
    """One model of each task."""
    write_model(models, "news", "classification", 1, labels=["money", "sport"], metrics={"accuracy": 0.9512})
    write_model(models, "news", "classification", 2, labels=["money", "sport"], metrics={"accuracy": 0.9731})
    for name, task in {
        "topics": "classification",
        "pairs": "pair-classification",
        "places": "tagging",
        "ranker": "ranking",
        "reader": "answering",
        "minilm-l6": "embedding",
        "stars": "regression",
        "similarity": "pair-regression",
    }.items():
        write_model(models, name, task)


def model_server() -> FakeTransport:
    """Answers for all of them, and for the customer service."""

    def news(text: str) -> Mapping[str, float]:
        money = 0.5 + (text.casefold().count("money") - text.casefold().count("match")) / 10
        return {"money": money, "sport": 1 - money}

    def find_places(text: str) -> Sequence[Entity]:
        matches = [match for place in PLACES for match in re.finditer(place, text)]
        return [Entity("place", match[0], match.start(), match.end(), 0.98) for match in matches]

    def answer(question: str, context: str) -> Answer:
        place = context.find("Monday")
        return Answer("Monday", place, place + 6, 0.8) if place >= 0 else Answer("", -1, -1, 0.7)

    server = fake_server().classifier("news", news, version=1).classifier("news", news, version=2)
    server.classifier("monitor-topics", lambda text: {"phone": 0.5 + ("phone" in text) * 0.4, "parcel": 0.1})
    server.classifier("monitor-sentiment", news)
    server.model("topics", _several(TOPICS)).tagger("places", find_places).answerer("reader", answer)
    server.pair_classifier("pairs", lambda _one, _other: {"same": 0.8, "other": 0.2})
    server.ranker("ranker", lambda _query, candidate: min(1.0, len(candidate) / 40))
    server.pair_regressor("similarity", lambda query, candidate: len(query) - len(candidate))
    return server.regressor("stars", lambda text: len(text) / 10)


def build_support(home: Path, server: FakeTransport) -> None:
    """A customer service that knows a few things."""
    service = Support.open(home, overrides=["answer_threshold=0.7", "intent_training=none"])
    service.knowledge.add("faq.csv", ROWS)
    service.knowledge.set_answers({"tracking": "The link in your mail says where it is."})
    embed_new(service.knowledge.vectors, EmbeddingClient(Client(transport=server), "minilm-l6", 1))
    service.keep_settings()
    service.store.close()
    write_model(home / "models", "minilm-l6", "embedding")


def _several(chances: Mapping[str, float]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A multi-label classifier by the contract that says the same of all texts."""

    def predict(inputs: dict[str, Any]) -> dict[str, Any]:
        rows = len(inputs["text"])
        values = np.tile(np.array(list(chances.values()), np.float32), (rows, 1))
        names = np.array([list(chances)] * rows, dtype=object)
        top = {"label": names[:, 0], "score": values[:, 0]}
        return {**top, "probabilities": values, "labels": names, "chosen": values > 0.5}

    return predict


def build_monitor(home: Path) -> Stream:
    """A monitor of two topics over two days; on the second, complaints about phones rise for six hours."""
    with Store.open(home / "store.sqlite") as store:
        stream = Stream(store)
        for hour in range(44):
            is_rise = 32 <= hour < 38
            stream.keep(_texts_of(hour, "phone", PHONES, 14, 11 if is_rise else 2 + hour % 2))
            stream.keep(_texts_of(hour, "parcel", PARCELS, 8 + hour % 3, 2))
            stream.evaluator.evaluate()
        stream.evaluator.evaluate(final=True)
    for name in ("monitor-topics", "monitor-sentiment"):
        write_model(home / "models", name, "classification")
    return stream


def _texts_of(hour: int, topic: str, texts: tuple[str, str], number: int, negatives: int) -> list[ClassifiedMessage]:
    positive, negative = texts
    return [
        classified_message(
            f"{topic} {hour} {place}",
            START + hour * HOUR + place * HOUR / 60,
            topic=topic,
            negative=place < negatives,
            source=("shop", "forum")[place % 2],
            text=f"{negative if place < negatives else positive} ({hour}.{place})",
        )
        for place in range(number)
    ]


def build_recommend(home: Path, server: FakeTransport) -> None:
    """A recommender of small articles, with readers who like one topic each."""
    service = Recommend.open(home)
    topics = {"garden": ("roses", "tulips", "hedges", "lawns"), "kitchen": ("soup", "bread", "cake", "rice")}
    items = [
        ItemEntry(
            row, f"{topic}-{thing}-{way}", f"{way} {thing}", f"All about {thing} in the {topic}.", (topic,), START
        )
        for topic, things in topics.items()
        for row, (thing, way) in enumerate((thing, way) for thing in things for way in ("Quick", "Old"))
    ]
    service.catalogue.add_items("items.csv", [*items, RejectedRow(99, "needs a title", "<b>x</b>")])
    embed_new(service.catalogue.vectors, EmbeddingClient(Client(transport=server), "minilm-l6", 1))
    keys = [item.key for item in items]
    events = [
        EventEntry(row, f"reader-{row % 6}", keys[8 * (row % 2) + row // 6 % 7], "click", None, START + row * HOUR)
        for row in range(40)
    ]
    service.catalogue.add_events("events.csv", events)
    service.store.close()
    write_model(home / "models", "minilm-l6", "embedding")


class Site:
    """A console that is called without a network.

    Attributes:
        server: The fake model server.
        browser: Sends requests.
    """

    def __init__(
        self,
        home: Path,
        *,
        access: Access | None = None,
        server: FakeTransport | None = None,
        state: ConsoleState | None = None,
        fails: int = 0,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes a site in a folder.

        Args:
            home: Its folder.
            access: Who may open it.
            server: Answers for the models.
            state: What it shows; None: that folder, with this server.
            fails: How often that server does not start.
            ticks: Tells the time, in seconds.
        """
        self.home = home
        self.server = server or model_server()
        starts = iter([False] * fails)

        @contextmanager
        def connect(_folder: Path) -> Iterator[ServedModels]:
            if not next(starts, True):
                raise ServerError("port 1 is taken")
            yield ServedModels("", Client(transport=self.server))

        self.access = access or Access()
        self.state = state or ConsoleState(home, connect=connect)
        self.app = make_app(self.state, self.access, ticks=ticks)
        self.browser = self.browser_at("testclient")

    def browser_at(self, address: str) -> TestClient:
        """Returns another browser, at an address."""
        url = "http://localhost:8600"
        return TestClient(self.app, base_url=url, raise_server_exceptions=False, client=(address, 50_000))

    def get(self, path: str, **options: Any) -> Any:
        return self.browser.get(path, **options)

    def token(self, path: str = "/try") -> str:
        """The token that the forms of a page carry."""
        page = self.get(path).text
        match = re.search(r'name="token" value="(\w+)"', page)
        assert match is not None, page
        return match[1]

    def post(
        self, path: str, data: Mapping[str, Any] | None = None, *, page: str = "/labelling", **options: Any
    ) -> Any:
        """Sends a form as the page has it."""
        return self.browser.post(path, data={"token": self.token(page), **(data or {})}, **options)


@pytest.fixture(scope="session")
def ready_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each task, a customer service, a monitor and a recommender; tests work on copies."""
    return build_home(tmp_path_factory.mktemp("ready"))


def build_home(home: Path) -> Path:
    """Builds what the console shows in a folder, which is returned."""
    write_models(home / "models")
    build_support(home / "support", model_server())
    build_monitor(home / "monitor")
    build_recommend(home / "recommend", model_server())
    return home


@pytest.fixture(scope="module")
def site(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console on such a folder."""
    console = Site(Path(shutil.copytree(ready_home, tmp_path_factory.mktemp("home") / "shop")))
    with console.browser:
        yield console


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A console on an empty folder."""
    console = Site(tmp_path)
    with console.browser:
        yield console


def log_in(browser: TestClient, password: str = PASSWORD, next_path: str = "/try") -> Any:
    """Returns the answer to the form of the page that asks for the password."""
    page = browser.get("/login").text
    (token,) = re.findall(r'name="token" value="(\w+)"', page)
    data = {"token": token, "password": password, "next": next_path}
    return browser.post("/login", data=data, follow_redirects=False)
