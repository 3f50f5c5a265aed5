"""The way of a text: from its reader, judged, into the database, and into alerts."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from tfapp.apps.monitor.archive import Archive, Kept, Refused
from tfapp.apps.monitor.intake import Batch, Checkpoint, Outcome, Reader
from tfapp.apps.monitor.judging import Judge, Stopped
from tfapp.apps.monitor.message import Columns, Judged, Message
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.watch import Watch
from tfapp.apps.shared.records import SetAside
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


class Pipeline:
    """Takes texts from readers until they end, or it is told to stop.

    What a reader hands on is stored with its checkpoint in one transaction, so it may end at any moment, and the next
    run goes on behind what was stored. Where the model server or the database is away, it waits.

    Args:
        archive: Keeps texts.
        judge: Judges them.
        watch: Looks for alerts.
        settings: How many texts are taken together.
        columns: Makes messages of rows.
        clock: Tells the time.
        stop: Ends it.
        ticks: Tells how long something takes, in seconds.
    """

    def __init__(
        self,
        archive: Archive,
        judge: Judge,
        watch: Watch,
        *,
        settings: MonitorSettings,
        columns: Columns,
        clock: Clock,
        stop: threading.Event,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._judge = judge
        self._watch = watch
        self._settings = settings
        self._columns = columns
        self._clock = clock
        self._stop = stop
        self._ticks = ticks
        self._began = clock(), ticks()
        self._queue: queue.Queue[Batch | Exception | None] = queue.Queue(_AHEAD)
        self._left = 0
        self._judge_at = 0.0

    def run(self, readers: Sequence[Reader], told: Callable[[Outcome], None] = lambda _: None) -> Outcome:
        """Takes all that the readers have.

        Args:
            readers: Each is read in a thread of its own.
            told: Is told what was taken so far, after each batch.

        Returns:
            What came of it.

        Raises:
            TfappError: A source cannot be read, or a model is of no use.
        """
        self._left = len(readers)
        threads = [threading.Thread(target=self._pump, args=(reader,), daemon=True) for reader in readers]
        for thread in threads:
            thread.start()
        total, newest, changed = Outcome(), self._ticks(), False
        try:
            while batches := self._gather():
                if any(batch.rows or batch.checkpoint for batch in batches):
                    total += self._take(batches)
                    newest, changed = self._ticks(), True
                    told(total)
                idle = self._ticks() - newest > self._settings.idle_seconds
                if idle or (changed and self._ticks() >= self._judge_at):
                    self._judge_windows(idle=idle)
                    newest, changed = self._ticks() if idle else newest, False
            if not self._stop.is_set():
                self._patiently(lambda: self._watch.judge(final=True))
        except Stopped:
            _log.info("stopped while it waited; what was not stored is read again")
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
        return total

    def _judge_windows(self, *, idle: bool) -> None:
        """Looks for alerts; where old texts come in, which change many windows, the more rarely the longer it takes."""
        began = self._ticks()
        self._patiently(lambda: self._watch.judge(idle=idle))
        ended = self._ticks()
        self._judge_at = ended + _APART * (ended - began)

    def _pump(self, reader: Reader) -> None:
        """Reads, in a thread."""
        ending: Exception | None = None
        try:
            for batch in reader.batches(self._stop):
                self._put(batch)
                if self._stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - it is raised again where somebody hears it
            ending = error
        self._put(ending)

    def _put(self, item: Batch | Exception | None) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def _gather(self) -> list[Batch]:
        """Batches with as many rows as are judged together; an empty batch where none came; none at the end."""
        found: list[Batch] = []
        end = self._ticks() + _LOOK_SECONDS
        while self._left and not self._stop.is_set() and sum(len(b.rows) for b in found) < self._settings.batch_size:
            try:
                item = self._queue.get(timeout=max(0.0, end - self._ticks()))
            except queue.Empty:
                return found or [Batch("", ())]
            if isinstance(item, Exception):
                raise item
            if item is None:
                self._left -= 1
                continue
            if not found:
                end = self._ticks() + self._settings.batch_seconds
            found.append(item)
        return [] if self._stop.is_set() else found

    def _take(self, batches: Sequence[Batch]) -> Outcome:
        """Judges and stores; tells each batch what came of it."""
        messages, refused = self._messages(batches)
        flat = [message for part in messages for message in part]
        new = self._patiently(lambda: self._archive.unknown(flat))
        judged: list[Judged] = []
        for message, result in zip(new, self._judge.judge(new), strict=True):
            if isinstance(result, SetAside):
                refused.append(Refused(message.source, message.key, result))
            else:
                judged.append(result)
        checkpoints = [batch.checkpoint for batch in batches if batch.checkpoint is not None]
        kept = self._keep([*judged, *refused], checkpoints, len(flat) - len(new))
        self._tell(batches, messages, kept)
        return kept.outcome

    def _keep(
        self, rows: Sequence[Judged | Refused], checkpoints: Sequence[Checkpoint] = (), repeated: int = 0
    ) -> Kept:
        """Stores all of it; rows without which the database takes the others are set aside."""
        judged = [row for row in rows if isinstance(row, Judged)]
        refused = [row for row in rows if isinstance(row, Refused)]
        try:
            return self._patiently(lambda: self._archive.keep(judged, refused, checkpoints, repeated))
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one row causes, the others are stored
            # Where the database takes nothing at all, no row is to blame, and this raises.
            self._patiently(lambda: self._archive.keep([], [], [], 0))
            kept = self._keep_apart(rows, error)
        # What was stored just now is known if it comes again, so the checkpoints may come last.
        return kept + self._patiently(lambda: self._archive.keep([], [], checkpoints, repeated))

    def _keep_apart(self, rows: Sequence[Judged | Refused], problem: Exception) -> Kept:
        """Stores rows by halves, down to the one that cannot be stored."""
        if len(rows) != 1:
            half = len(rows) // 2
            return self._keep(rows[:half]) + self._keep(rows[half:]) if rows else Kept()
        (row,) = rows
        reason = f"it cannot be stored: {_in_a_line(problem)}"
        if isinstance(row, Refused):
            _log.warning("%s, %s: a row that was set aside is not kept: %s", row.source, row.place, reason)
            return Kept(outcome=Outcome(set_aside=1))
        aside = SetAside(1, reason, row.message.text[:_SHOWN])
        return self._keep([Refused(row.message.source, row.message.key, aside)])

    def _messages(self, batches: Iterable[Batch]) -> tuple[list[list[Message]], list[Refused]]:
        now = self._clock()
        present = max(now, self._elapsed())
        latest = min(shift(present, _MINUTE, self._settings.future_minutes), shift(present, _FARTHEST))
        messages: list[list[Message]] = []
        refused: list[Refused] = []
        for batch in batches:
            messages.append([])
            for place in batch.rows:
                made: Message | SetAside = (
                    place.row
                    if isinstance(place.row, SetAside)
                    else self._columns.message(place.row, source=batch.source, latest=latest, now=now)
                )
                if isinstance(made, SetAside):
                    refused.append(Refused(batch.source, place.where, made))
                else:
                    messages[-1].append(made)
        return messages, refused

    def _elapsed(self) -> datetime:
        """The time if the clock was right at the start: once it is set back, new texts are none of the future."""
        start, ticks = self._began
        return shift(start, timedelta(seconds=self._ticks() - ticks))

    def _tell(self, batches: Sequence[Batch], messages: Sequence[Sequence[Message]], kept: Kept) -> None:
        told: set[str] = set()
        for batch, mine in zip(batches, messages, strict=True):
            keys = {message.key for message in mine} - told
            told |= keys
            stored, aside = len(keys & kept.keys), len(keys & kept.refused)
            unread = len(batch.rows) - len(mine)
            batch.stored(Outcome(stored, len(mine) - stored - aside, unread + aside))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Does what needs the database, again and again while that is away."""
        while True:
            try:
                return work()
            except StoreError as error:
                _log.warning("the stream waits for the database: %s", error)
                if self._stop.wait(_STORE_PAUSE):
                    raise Stopped from error


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN]
