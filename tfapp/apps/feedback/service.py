"""Feedback in a folder: pools of texts, labels, and their export for training.

feedback = Feedback.open("feedback")
feedback.add(Path("messages.csv"), model="bbc-news")
feedback.export("bbc-news", Path("labels.jsonl"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tfapp_client import Client

from tfapp.apps.feedback.labels import Labels
from tfapp.apps.feedback.pool_scoring import score_pool
from tfapp.apps.feedback.pools import Pools
from tfapp.apps.feedback.tables import PoolRow
from tfapp.apps.feedback.text_file import TextFile
from tfapp.apps.shared.embedding_client import released_version
from tfapp.apps.shared.store import Store
from tfapp.core.clock import Clock, utc_now
from tfapp.core.files import write_json_lines
from tfapp.errors import DataError, did_you_mean
from tfapp.registry import check_name

__all__ = ["Feedback"]


@dataclass(frozen=True)
class Feedback:
    """The pools and labels of a folder."""

    store: Store
    clock: Clock = utc_now

    @classmethod
    def open(cls, home: str | Path = "feedback", *, database: str | None = None, clock: Clock = utc_now) -> Self:
        """Opens the feedback of a folder, or creates it.

        Args:
            home: The folder.
            database: A database URL; None: `store.sqlite` in the folder.
            clock: Tells the time.

        Raises:
            StoreError: The database cannot be used.
        """
        return cls(Store.open(database or Path(home) / "store.sqlite"), clock)

    @property
    def pools(self) -> Pools:
        """Returns the pools of texts that wait for labels."""
        return Pools(self.store, self.clock)

    @property
    def labels(self) -> Labels:
        """Returns the store of labels."""
        return Labels(self.store, self.clock)

    def add(self, file: Path, *, model: str, name: str | None = None, column: str | None = None) -> PoolRow:
        """Adds the texts of a file to a pool; the same file twice adds nothing.

        Args:
            file: A csv, tsv or jsonl file.
            model: The served classifier that is asked about them.
            name: What the pool is called; None: as the file.
            column: The column of the texts; None: found.

        Raises:
            DataError: The file cannot be read or holds no text.
        """
        check_name(model)
        texts = TextFile(file, column, name=name)
        return self.pools.add(name or file.name, model, texts, count_rejected=lambda: texts.rejected)

    def score(self, pool: PoolRow, client: Client, *, go_on: Callable[[int], bool] = lambda _: True) -> int:
        """Scores a pool by the released version, as `tfapp.apps.feedback.pool_scoring.score_pool` does."""
        return score_pool(self.pools, pool, client, released_version(client, pool.model), go_on=go_on)

    def export(self, model: str, file: Path) -> int:
        """Writes a model's labels as jsonl, which `tfapp train` reads, and returns how many.

        Raises:
            DataError: Nobody has labelled a text for this model yet.
        """
        rows = list(self.labels.rows(model))
        if not rows:
            hint = did_you_mean(model, self.labels.counts())
            raise DataError(f"{model}: no text was labelled for this model{hint or '; label some in `tfapp console`'}")
        write_json_lines(file, rows)
        return len(rows)
