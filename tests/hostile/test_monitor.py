"""A monitor under attack: whatever its sources hold, each row is stored, known or rejected, and windows are judged."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
import tomli_w
from pydantic import ValidationError
from sqlalchemy import delete

from tests.apps.monitor.stream import Stream, rows
from tests.apps.monitor.test_pipeline import BatchReader as Batches
from tests.hostile.attack import AttackPlan, attack
from tests.hostile.streams import SECRET, any_application_settings, any_stream, any_watch_settings
from tfapp.apps.monitor.batches import IngestCounts
from tfapp.apps.monitor.queries import TrendGrouping
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.table import TableReader
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.shared.settings import ApplicationSettings, load_settings
from tfapp.apps.shared.store import Base, Store
from tfapp.apps.support.settings import SupportSettings
from tfapp.errors import DataError, SettingsError

_KINDS: tuple[type[ApplicationSettings], ...] = (MonitorSettings, RecommendSettings, SupportSettings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as database:
        yield database


def test_any_stream(store: Store, tmp_path: Path, plan: AttackPlan) -> None:
    def strike(source: random.Random) -> None:
        stream = Stream(store)
        with suppress(ValidationError):
            stream = Stream(store, **any_watch_settings(source))
        for number in range(source.randint(1, 2)):
            form = source.choice(("jsonl", "csv", "tsv"))
            file = tmp_path / f"{number}.{form}"
            file.write_bytes(any_stream(source, form))
            with suppress(DataError):
                count, outcome = _read(stream, file)
                assert outcome.stored + outcome.repeated + outcome.rejected == count
                assert _read(stream, file)[1].stored == 0
        _look(stream)
        _clear(store)

    def still_good() -> None:
        stream = Stream(store)
        stream.pipeline().run([Batches(rows("phone is bad"))])
        (trend,) = stream.queries.trends("topic")
        assert (trend.name, trend.total.texts, trend.total.negatives) == ("phone", 1, 1)
        _clear(store)

    attack(plan, 6, strike, still_good)


def test_any_settings_of_an_application(tmp_path: Path, plan: AttackPlan) -> None:
    file = tmp_path / "settings.toml"

    def strike(source: random.Random) -> None:
        kind = source.choice(_KINDS)
        content, items = any_application_settings(source, kind)
        file.write_bytes(content)
        settings, refusal = _load(kind, file, items)
        assert SECRET not in f"{settings!r}{refusal}"
        assert len(refusal.splitlines()) <= 1, refusal
        if settings is not None:
            values = settings.model_dump(exclude_none=True, exclude_defaults=True, mode="json")
            file.write_text(tomli_w.dumps(values))
            assert load_settings(kind, file) == settings

    def still_good() -> None:
        file.write_text('database = "a.sqlite"\n')
        assert load_settings(MonitorSettings, file).database == "a.sqlite"

    attack(plan, 40, strike, still_good)


def _load(kind: type[ApplicationSettings], file: Path, items: Sequence[str]) -> tuple[ApplicationSettings | None, str]:
    """The settings, or why they are refused."""
    try:
        return load_settings(kind, file, items), ""
    except SettingsError as error:
        return None, str(error)


def _read(stream: Stream, file: Path) -> tuple[int, IngestCounts]:
    """Returns how many rows a file has, and what came of them."""
    reader = FileFollower(file, follow=False) if file.suffix == ".jsonl" else TableReader(file)
    batches = list(reader.batches(threading.Event()))
    # Each run sets it at its end.
    stream.stop.clear()
    return sum(len(batch.rows) for batch in batches), stream.pipeline().run([Batches(*batches)])


def _look(stream: Stream) -> None:
    """Reads all that is shown of a monitor."""
    queries = stream.queries
    for by in get_args(TrendGrouping):
        queries.trends(by)
    json.dumps([text.to_dict() for alert in queries.alerts() for text in queries.texts_of(alert)])
    reasons = [str(row["reason"]) for row in queries.rejected_rows()]
    assert not [reason for reason in reasons if "could not be evaluated" in reason or "cannot be used" in reason], (
        reasons
    )


def _clear(store: Store) -> None:
    tables = reversed(Base.metadata.sorted_tables)
    store.run(lambda session: [session.execute(delete(table)) for table in tables])
