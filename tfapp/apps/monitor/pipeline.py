"""The pipeline of the stream: from readers through the models into the database, and to alerts."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from tfapp.apps.monitor.batches import Batch, Checkpoint, IngestCounts, Reader
from tfapp.apps.monitor.classifier_client import ClassifierClient, StopRequested
from tfapp.apps.monitor.message import ClassifiedMessage, Message, MessageColumns
from tfapp.apps.monitor.message_store import MessageStore, RejectedMessage, StoredBatch
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.window_evaluator import WindowEvaluator
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.times import shift
from tfapp.core.clock import Clock
from tfapp.errors import StoreError

__all__ = ["Pipeline"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Batches that are read ahead.
_AHEAD: Final = 4
_LOOK_SECONDS: Final = 0.2
# Between two looks for alerts, so many times as long as one takes.
_APART: Final = 4
# A text's time lies so far in the future at most, whatever the settings say.
_FARTHEST: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_SHOWN: Final = 2000
_STORE_PAUSE: Final = 5.0
# A reader that waits for its source looks at `stop` more often than that.
_JOIN_SECONDS: Final = 6.0


@dataclass
class Pipeline:
    """Runs texts from readers through the models into the database until the readers end or it is told to stop.

    What a reader hands on is stored with its checkpoint in one transaction, so it may end at any moment, and the next
    run goes on behind what was stored. Where the model server or the database is away, it waits.
    """

    message_store: MessageStore
    classifiers: ClassifierClient
    evaluator: WindowEvaluator
    _: KW_ONLY
    settings: MonitorSettings
    columns: MessageColumns
    clock: Clock
    stop: threading.Event
    ticks: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._start = self.clock(), self.ticks()
        self._queue: queue.Queue[Batch | Exception | None] = queue.Queue(_AHEAD)
        self._left = 0
        self._evaluate_at = 0.0

    def run(
        self, readers: Sequence[Reader], on_progress: Callable[[IngestCounts], None] = lambda _: None
    ) -> IngestCounts:
        """Ingests all that the readers have, each in a thread of its own, and returns the counts.

        Returns:
            The result.

        Raises:
            TfappError: A source cannot be read, or a model is of no use.
        """
        self._left = len(readers)
        threads = [threading.Thread(target=self._pump, args=(reader,), daemon=True) for reader in readers]
        for thread in threads:
            thread.start()
        total, newest, has_changes = IngestCounts(), self.ticks(), False
        try:
            while batches := self._gather():
                if any(batch.rows or batch.checkpoint for batch in batches):
                    total += self._take(batches)
                    newest, has_changes = self.ticks(), True
                    on_progress(total)
                is_idle = self.ticks() - newest > self.settings.idle_seconds
                if is_idle or (has_changes and self.ticks() >= self._evaluate_at):
                    self._evaluate_windows(idle=is_idle)
                    newest, has_changes = self.ticks() if is_idle else newest, False
            if not self.stop.is_set():
                self._retry(lambda: self.evaluator.evaluate(final=True))
        except StopRequested:
            _log.info("stopped while it waited; what was not stored is read again")
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
        return total

    def _evaluate_windows(self, *, idle: bool) -> None:
        """Evaluates the windows; the longer it takes, because old texts change many windows, the more rarely."""
        start = self.ticks()
        self._retry(lambda: self.evaluator.evaluate(idle=idle))
        end = self.ticks()
        self._evaluate_at = end + _APART * (end - start)

    def _pump(self, reader: Reader) -> None:
        """Reads a source into the queue, in a thread."""
        failure: Exception | None = None
        try:
            for batch in reader.batches(self.stop):
                self._put(batch)
                if self.stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - it is raised again where somebody hears it
            failure = error
        self._put(failure)

    def _put(self, item: Batch | Exception | None) -> None:
        while not self.stop.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def _gather(self) -> list[Batch]:
        """Returns as many batches as are classified together; an empty one where none came; none at the end."""
        batches: list[Batch] = []
        end = self.ticks() + _LOOK_SECONDS
        while self._left and not self.stop.is_set() and sum(len(b.rows) for b in batches) < self.settings.batch_size:
            try:
                item = self._queue.get(timeout=max(0.0, end - self.ticks()))
            except queue.Empty:
                return batches or [Batch("", ())]
            if isinstance(item, Exception):
                raise item
            if item is None:
                self._left -= 1
                continue
            if not batches:
                end = self.ticks() + self.settings.batch_seconds
            batches.append(item)
        return [] if self.stop.is_set() else batches

    def _take(self, batches: Sequence[Batch]) -> IngestCounts:
        """Classifies and stores batches, and tells each one its counts."""
        messages, rejections = self._messages(batches)
        flat = [message for part in messages for message in part]
        new_messages = self._retry(lambda: self.message_store.new_messages(flat))
        classifications: list[ClassifiedMessage] = []
        for message, result in zip(new_messages, self.classifiers.classify(new_messages), strict=True):
            if isinstance(result, RejectedRow):
                rejections.append(RejectedMessage(message.source, message.key, result))
            else:
                classifications.append(result)
        checkpoints = [batch.checkpoint for batch in batches if batch.checkpoint is not None]
        batch_result = self._store([*classifications, *rejections], checkpoints, len(flat) - len(new_messages))
        self._tell(batches, messages, batch_result)
        return batch_result.outcome

    def _store(
        self,
        rows: Sequence[ClassifiedMessage | RejectedMessage],
        checkpoints: Sequence[Checkpoint] = (),
        duplicates: int = 0,
    ) -> StoredBatch:
        """Stores all rows; those that keep the database from storing the others are rejected."""
        messages = [row for row in rows if isinstance(row, ClassifiedMessage)]
        rejections = [row for row in rows if isinstance(row, RejectedMessage)]
        try:
            return self._retry(lambda: self.message_store.keep(messages, rejections, checkpoints, duplicates))
        except StopRequested:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one row causes, the others are stored
            # Where the database takes nothing at all, no row is to blame, and this raises.
            self._retry(lambda: self.message_store.keep([], [], [], 0))
            result = self._store_by_halves(rows, error)
        # What was stored just now is known if it comes again, so the checkpoints may come last.
        return result + self._retry(lambda: self.message_store.keep([], [], checkpoints, duplicates))

    def _store_by_halves(self, rows: Sequence[ClassifiedMessage | RejectedMessage], problem: Exception) -> StoredBatch:
        """Stores rows by halves, down to the one that cannot be stored."""
        if len(rows) != 1:
            half = len(rows) // 2
            return self._store(rows[:half]) + self._store(rows[half:]) if rows else StoredBatch()
        (row,) = rows
        reason = " ".join(f"it cannot be stored: {type(problem).__name__}: {problem}".split())[:_SHOWN]
        if isinstance(row, RejectedMessage):
            _log.warning("%s, %s: a rejected row is not kept: %s", row.source, row.location, reason)
            return StoredBatch(outcome=IngestCounts(rejected=1))
        rejected_row = RejectedRow(1, reason, row.message.text[:_SHOWN])
        return self._store([RejectedMessage(row.message.source, row.message.key, rejected_row)])

    def _messages(self, batches: Iterable[Batch]) -> tuple[list[list[Message]], list[RejectedMessage]]:
        now = self.clock()
        present = max(now, self._steady_time())
        latest = min(shift(present, _MINUTE, self.settings.future_minutes), shift(present, _FARTHEST))
        messages: list[list[Message]] = []
        rejections: list[RejectedMessage] = []
        for batch in batches:
            messages.append([])
            for row in batch.rows:
                message: Message | RejectedRow = (
                    row.row
                    if isinstance(row.row, RejectedRow)
                    else self.columns.message(row.row, source=batch.source, latest=latest, now=now)
                )
                if isinstance(message, RejectedRow):
                    rejections.append(RejectedMessage(batch.source, row.where, message))
                else:
                    messages[-1].append(message)
        return messages, rejections

    def _steady_time(self) -> datetime:
        """Returns the start time plus the ticks since, so that a clock that is set back rejects no texts."""
        start, ticks = self._start
        return shift(start, timedelta(seconds=self.ticks() - ticks))

    def _tell(self, batches: Sequence[Batch], messages: Sequence[Sequence[Message]], result: StoredBatch) -> None:
        earlier_keys: set[str] = set()
        for batch, own_messages in zip(batches, messages, strict=True):
            keys = {message.key for message in own_messages} - earlier_keys
            earlier_keys |= keys
            new_count, rejection_count = len(keys & result.keys), len(keys & result.rejected)
            malformed_count = len(batch.rows) - len(own_messages)
            batch.stored(
                IngestCounts(
                    new_count, len(own_messages) - new_count - rejection_count, malformed_count + rejection_count
                )
            )

    def _retry(self, work: Callable[[], T]) -> T:
        """Runs work that needs the database, again and again while that is away."""
        while True:
            try:
                return work()
            except StoreError as error:
                _log.warning("the stream waits for the database: %s", error)
                if self.stop.wait(_STORE_PAUSE):
                    raise StopRequested from error
