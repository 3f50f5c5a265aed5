"""A recommender in a folder: joins items and events with the models that it asks.

recommend = Recommend.open("recommend")
recommend.add_items("items.csv")
recommend.add_events("events.csv")
recommend.train()
with recommend.recommender() as recommender:
    for suggestion in recommender.recommend("ada", k=5).suggestions:
        print(suggestion.item.title, [reason.title for reason in suggestion.reasons])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from tfapp_client import Client

from tfapp.apps.recommend.catalogue import Catalogue, Trained
from tfapp.apps.recommend.entries import read_events, read_items
from tfapp.apps.recommend.evaluation import Evaluation, evaluate
from tfapp.apps.recommend.lister import Pairs
from tfapp.apps.recommend.log import Log
from tfapp.apps.recommend.moment import Moment
from tfapp.apps.recommend.pairing import pair_scores
from tfapp.apps.recommend.recommender import Recommender
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.shelf import Shelf
from tfapp.apps.recommend.training import learn_ranking, pair_rows
from tfapp.apps.shared.application import Application
from tfapp.apps.shared.embedder_model import EmbedderModel
from tfapp.apps.shared.indexing import open_index
from tfapp.apps.shared.ingest import Addition
from tfapp.apps.shared.model_errors import asking
from tfapp.apps.shared.model_server import ModelServer
from tfapp.apps.shared.records import read_records
from tfapp.apps.shared.vector_index import VectorIndex
from tfapp.core.files import write_json_lines
from tfapp.core.terminal import counted, progress
from tfapp.errors import DataError

__all__ = ["ItemsAdded", "Recommend"]


@dataclass(frozen=True)
class ItemsAdded:
    """What came of adding items.

    Attributes:
        addition: What the file brought.
        embedded: Items that were embedded; the others were before.
        items: All items that are known.
    """

    addition: Addition
    embedded: int
    items: int


@dataclass(frozen=True)
class Recommend(Application[RecommendSettings]):
    """A recommender."""

    kind = RecommendSettings
    folder = "recommend"

    @property
    def catalogue(self) -> Catalogue:
        """What it remembers."""
        return Catalogue(self.store, self.clock, self.settings)

    @property
    def models(self) -> ModelServer:
        """Where its models are served."""
        return ModelServer(self.home / "models", self.server)

    @property
    def embedder(self) -> EmbedderModel:
        """The embedding model."""
        return EmbedderModel(self.models, self.settings.embedder, self.settings.embedder_preset, self.wait)

    def add_items(
        self,
        file: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        quiet: bool = False,
    ) -> ItemsAdded:
        """Takes items in and embeds those that are new; what is there already stays, what has changed is replaced.

        Args:
            file: A csv, tsv or jsonl file with an id, a title or a description; tags and a time, if there are.
            columns: Its columns by what they hold: item, title, description, tags, time.
            encoding: The file's encoding.
            quiet: Show no progress.

        Raises:
            TfappError: File, settings, database or model server; says which, and what to do. What was killed is gone
                on with by the same call.
        """
        self.keep_settings()
        with progress(f"Reading {file}", "rows", quiet=quiet) as advance:
            rows = read_items(read_records(Path(file), encoding=encoding), source=str(file), given=columns)
            addition = self.catalogue.add_items(str(file), counted(rows, advance))
        _, embedded = self.embedder.embed_missing(self.catalogue.vectors, quiet=quiet)
        return ItemsAdded(addition, embedded, self.catalogue.counts()["items"])

    def add_events(
        self,
        file: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        quiet: bool = False,
    ) -> Addition:
        """Takes events in; no model is needed for it.

        Args:
            file: A csv, tsv or jsonl file with a user, an item and a time; a kind (view, click, rate) and a value.
            columns: Its columns by what they hold: user, item, kind, value, time.
            encoding: The file's encoding.
            quiet: Show no progress.

        Raises:
            TfappError: File, settings or database.
        """
        self.keep_settings()
        with progress(f"Reading {file}", "rows", quiet=quiet) as advance:
            rows = read_events(read_records(Path(file), encoding=encoding), source=str(file), given=columns)
            return self.catalogue.add_events(str(file), counted(rows, advance))

    def train(self, *, quiet: bool = False) -> Trained:
        """Learns the final ranking from the lists that users could have been given, and what they liked after them.

        `training/ranking.jsonl` in the folder is what `tfapp train` makes a pair model of (`task = "ranking"`).

        Raises:
            DataError: There are too few events.
            TfappError: Database, or the model server, where a pair model is asked.
        """
        shelf, log, identity = self._known()
        self._write_pairs(shelf, log)
        with self._pairs(shelf) as pairs, progress("Learning", "lists", quiet=quiet) as advance:
            lesson = learn_ranking(shelf, log, self.settings, pairs=pairs, on_progress=advance)
        if lesson.ranking is None:
            raise DataError(
                f"{self.home}: {len(log)} events are too few to learn from: users must have liked something after "
                "they had liked something else; add more events"
            )
        trained = Trained(self.clock(), identity, len(log), lesson.lists, lesson.ranking)
        self.catalogue.keep_trained(trained)
        return trained

    def evaluate(self, *, share: float = 0.2, after: int = 10, quiet: bool = False) -> Evaluation:
        """Learns from the events before a time alone, and judges by what users liked after it.

        Args:
            share: Of the events, those after the time.
            after: Events of a user, at least, that a list is made of.
            quiet: Show no progress.

        Raises:
            DataError: There are too few events.
            TfappError: As of `train`.
        """
        shelf, log, _ = self._known()
        with self._pairs(shelf) as pairs, progress("Evaluating", "lists", quiet=quiet) as advance:
            return evaluate(shelf, log, self.settings, share=share, after=after, pairs=pairs, on_progress=advance)

    @contextmanager
    def recommender(self, connect: Callable[[], Client] | None = None) -> Iterator[Recommender]:
        """The recommender, while the block runs; a model server is started only when a model must be asked.

        Args:
            connect: Gives a client of a server that runs already; None: of the service's own.

        Raises:
            DataError: No item is known yet.
            StoreError: The database cannot be used.
        """
        shelf, log, identity = self._known()
        trained = self.catalogue.trained()
        index = open_index(self.home, self.catalogue.vectors, identity)[0] if identity else VectorIndex()
        with ExitStack() as stack:
            yield Recommender(
                self.catalogue,
                Moment.at(self.clock().timestamp(), log, shelf, self.settings),
                index=index,
                ranking=trained.ranking if trained and trained.fits(identity, self.settings) else None,
                settings=self.settings,
                connect=connect or _connecting(stack, self.models),
                embedder=identity or None,
            )

    def _known(self) -> tuple[Shelf, Log, str]:
        """The items, the events, and the embedder whose vectors they have."""
        identity = self.catalogue.vectors.embedder() or ""
        shelf = self.catalogue.shelf(identity or None)
        if not len(shelf):
            raise DataError(f"{self.home}: no item is known yet; `tfapp recommend items FILE --home {self.home}` first")
        return shelf, self.catalogue.log(shelf), identity

    @contextmanager
    def _pairs(self, shelf: Shelf) -> Iterator[Pairs | None]:
        """The pair model, while the block runs; None where there is none."""
        if self.settings.ranker is None:
            yield None
            return
        with ExitStack() as stack, asking(self.settings.ranker, where=self.models.where):
            yield pair_scores(_connecting(stack, self.models), self.settings.ranker, shelf)

    def _write_pairs(self, shelf: Shelf, log: Log) -> None:
        rows = pair_rows(shelf, log, self.settings)
        named = ({"query": liked, "candidate": text, "label": label} for liked, text, label in rows)
        write_json_lines(self.home / "training" / "ranking.jsonl", named)


def _connecting(stack: ExitStack, models: ModelServer) -> Callable[[], Client]:
    """Gives one client, which is made when it is first asked for."""
    lock = Lock()

    @cache
    def connect() -> Client:
        return stack.enter_context(models.client())

    def connect_once() -> Client:
        with lock:
            return connect()

    return connect_once
