"""A recommender in a folder: connects items and events with the models that it asks.

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

from tfapp import assets
from tfapp.apps.recommend.catalogue import Catalogue, TrainedRanking
from tfapp.apps.recommend.evaluation import ListEvaluation, evaluate
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.file_entries import read_events, read_items
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.list_builder import PairScorer
from tfapp.apps.recommend.pair_model import pair_scores
from tfapp.apps.recommend.ranking_training import learn_ranking, pair_rows
from tfapp.apps.recommend.recommender import Recommender
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.shared.application import Application
from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.embedding_model import EmbeddingModel
from tfapp.apps.shared.ingest import IngestResult
from tfapp.apps.shared.model_errors import translate_client_errors
from tfapp.apps.shared.record_reader import read_records
from tfapp.apps.shared.vector_index import VectorIndex, open_index
from tfapp.core.files import write_json_lines
from tfapp.core.progress import track
from tfapp.errors import DataError

__all__ = ["ItemsAdded", "Recommend"]


@dataclass(frozen=True)
class ItemsAdded:
    """The outcome of adding items.

    Attributes:
        addition: What the file brought.
        embedded: Items that were embedded; the others were already embedded.
        items: All items that are known.
    """

    addition: IngestResult
    embedded: int
    items: int


@dataclass(frozen=True)
class Recommend(Application[RecommendSettings]):
    """A recommender."""

    kind = RecommendSettings
    folder = "recommend"

    @property
    def catalogue(self) -> Catalogue:
        """Returns the catalogue of items and events."""
        return Catalogue(self.store, self.clock, self.settings)

    @property
    def embedder(self) -> EmbeddingModel:
        """Returns the embedding model."""
        name, preset = self.settings.embedder, self.settings.embedder_preset
        return EmbeddingModel(self.models, name, preset, self.wait, show_progress=self.show_progress)

    def pull(self, data: str) -> Path:
        """Brings a data set of the catalogue, unless it is here, and returns its file.

        Raises:
            AssetError: It is unknown, or cannot be brought.
        """
        with self.show_progress(f"Bringing {data}", "bytes") as advance:
            return assets.pull(data, on_progress=advance) / "data.jsonl"

    def add_items(
        self,
        file: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        quiet: bool = False,
    ) -> ItemsAdded:
        """Ingests items and embeds the new ones; known items stay, changed ones are replaced.

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
        with self.show_progress(f"Reading {file}", "rows", quiet=quiet) as advance:
            rows = read_items(read_records(Path(file), encoding=encoding), source=str(file), columns=columns)
            addition = self.catalogue.add_items(str(file), track(rows, advance))
        _, vector_count = self.embedder.embed_missing(self.catalogue.vectors, quiet=quiet)
        return ItemsAdded(addition, vector_count, self.catalogue.counts()["items"])

    def add_events(
        self,
        file: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        quiet: bool = False,
    ) -> IngestResult:
        """Ingests events; no model is needed for it.

        Args:
            file: A csv, tsv or jsonl file with a user, an item and a time; a kind (view, click, rate) and a value.
            columns: Its columns by what they hold: user, item, kind, value, time.
            encoding: The file's encoding.
            quiet: Show no progress.

        Raises:
            TfappError: File, settings or database.
        """
        self.keep_settings()
        with self.show_progress(f"Reading {file}", "rows", quiet=quiet) as advance:
            rows = read_events(read_records(Path(file), encoding=encoding), source=str(file), columns=columns)
            return self.catalogue.add_events(str(file), track(rows, advance))

    def train(self, *, quiet: bool = False) -> TrainedRanking:
        """Trains the final ranking on lists that users could have been given, and the items that they liked after them.

        `training/ranking.jsonl` in the folder is what `tfapp train` makes a pair model of (`task = "ranking"`).

        Raises:
            DataError: There are too few events.
            TfappError: Database, or the model server, where a pair model is asked.
        """
        item_matrix, log, identity = self._load_events()
        self._write_pairs(item_matrix, log)
        with self._pairs(item_matrix) as pairs, self.show_progress("Learning", "lists", quiet=quiet) as advance:
            learning = learn_ranking(item_matrix, log, self.settings, pairs=pairs, on_progress=advance)
        if learning.ranking is None:
            raise DataError(
                f"{self.home}: {len(log)} events are too few to learn from: users must have liked something after "
                "they had liked something else; add more events"
            )
        training = TrainedRanking(self.clock(), identity, len(log), learning.lists, learning.ranking)
        self.catalogue.keep_training(training)
        return training

    def evaluate(self, *, share: float = 0.2, after: int = 10, quiet: bool = False) -> ListEvaluation:
        """Trains on the events before a time alone, and evaluates on the items that users liked after it.

        Args:
            share: Of the events, those after the time.
            after: Events of a user, at least, that a list is made of.
            quiet: Show no progress.

        Raises:
            DataError: There are too few events.
            TfappError: As of `train`.
        """
        item_matrix, log, _ = self._load_events()
        with self._pairs(item_matrix) as pairs, self.show_progress("Evaluating", "lists", quiet=quiet) as advance:
            return evaluate(item_matrix, log, self.settings, share=share, after=after, pairs=pairs, on_progress=advance)

    @contextmanager
    def recommender(self, connect: Callable[[], Client] | None = None) -> Iterator[Recommender]:
        """Yields the recommender; a model server is started only when a model must be asked.

        Args:
            connect: Gives a client of a server that runs already; None: of the service's own.

        Raises:
            DataError: No item is known yet.
            StoreError: The database cannot be used.
        """
        item_matrix, log, identity = self._load_events()
        training = self.catalogue.newest_training()
        index = open_index(self.home, self.catalogue.vectors, identity)[0] if identity else VectorIndex()
        with ExitStack() as stack:
            yield Recommender(
                self.catalogue,
                Snapshot.at(self.clock().timestamp(), log, item_matrix, self.settings),
                index=index,
                ranking=training.ranking if training and training.fits(identity, self.settings) else None,
                settings=self.settings,
                connect=connect or _connector(stack, self.models),
                embedder=identity or None,
            )

    def _load_events(self) -> tuple[ItemMatrix, EventLog, str]:
        """Returns the items, the events, and the embedder whose vectors they have."""
        identity = self.catalogue.vectors.embedder() or ""
        item_matrix = self.catalogue.item_matrix(identity or None)
        if not len(item_matrix):
            raise DataError(f"{self.home}: no item is known yet; `tfapp recommend items FILE --home {self.home}` first")
        return item_matrix, self.catalogue.log(item_matrix), identity

    @contextmanager
    def _pairs(self, item_matrix: ItemMatrix) -> Iterator[PairScorer | None]:
        """Yields the pair model; None where there is none."""
        if self.settings.ranker is None:
            yield None
            return
        with ExitStack() as stack, translate_client_errors(self.settings.ranker, where=self.models.where):
            yield pair_scores(_connector(stack, self.models), self.settings.ranker, item_matrix)

    def _write_pairs(self, item_matrix: ItemMatrix, log: EventLog) -> None:
        rows = pair_rows(item_matrix, log, self.settings)
        items = ({"query": query, "candidate": text, "label": label} for query, text, label in rows)
        write_json_lines(self.home / "training" / "ranking.jsonl", items)


def _connector(stack: ExitStack, models: ApplicationModels) -> Callable[[], Client]:
    """Returns a function that connects once, when it is first called."""
    lock = Lock()

    @cache
    def connect() -> Client:
        return stack.enter_context(models.client())

    def connect_once() -> Client:
        with lock:
            return connect()

    return connect_once
