from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.apps.postgres import PostgresServer
from tests.apps.recommend.library import START, Library, item_entries, made_event_log, made_events
from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store

EVENT = EventEntry(2, "ada", "i1", "rate", 5.0, START)


def test_items_and_events_are_kept_once_and_what_is_new_is_added(store: Store, tmp_path: Path) -> None:
    library = Library(store, tmp_path)
    catalogue = library.catalogue
    first = catalogue.add_items("a.csv", [*item_entries(3), RejectedRow(9, "no title", "?\0")])
    assert (first.rows, first.added, first.repeated, first.rejected) == (4, 3, 0, 1)
    addition = catalogue.add_items("a.csv", item_entries(4))
    assert (addition.added, addition.repeated) == (1, 3)
    later = replace(EVENT, time=START + timedelta(days=1))
    result = catalogue.add_events("e.csv", [EVENT, EVENT, later, replace(EVENT, line=5, item="gone")])
    assert (result.rows, result.added, result.repeated, result.rejected) == (4, 2, 1, 1)
    assert dict(result.reasons) == {"there is no such item; add items first": 1}
    assert catalogue.rejected_rows()[0]["line"] == 5
    assert catalogue.add_events("e.csv", [EVENT, later]).added == 0
    assert catalogue.counts() == {"items": 4, "new_items": 3, "users": 1, "events": 2, "rejected": 2}
    assert catalogue.users() == [{"user": "ada", "events": 2, "last": "2026-01-02T00:00:00+00:00"}]


def test_an_item_that_has_changed_is_embedded_again_and_no_other(store: Store, tmp_path: Path) -> None:
    library = Library(store, tmp_path)
    assert library.add(item_entries(3)) == 3
    assert library.add(item_entries(3)) == 0
    matrix = library.catalogue.item_matrix("minilm-l6/1")
    # Only its time is another: its text has its vector already.
    dated_entry = replace(item_entries(3)[0], published=START)
    assert library.add([dated_entry, ItemEntry(9, "i1", "quite another title")]) == 1
    new_matrix = library.catalogue.item_matrix("minilm-l6/1")
    assert [item.title for item in new_matrix.items][1] == "quite another title"
    assert new_matrix.published[0] == START.timestamp()
    np.testing.assert_array_equal(new_matrix.vectors[[0, 2]], matrix.vectors[[0, 2]])
    assert not np.allclose(new_matrix.vectors[1], matrix.vectors[1])


def test_the_log_has_the_events_in_order_of_time_with_what_they_say(store: Store, tmp_path: Path) -> None:
    library = Library(store, tmp_path)
    minutes = [START + timedelta(minutes=place) for place in range(5)]
    events = [
        EventEntry(2, "bob", "i2", "rate", 1.0, minutes[4]),
        EventEntry(3, "ada", "i0", "view", None, minutes[0]),
        EventEntry(4, "ada", "i1", "rate", 4.0, minutes[3]),
        EventEntry(5, "bob", "i1", "click", None, minutes[1]),
        EventEntry(6, "bob", "i0", "rate", 3.0, minutes[2]),
    ]
    library.add(item_entries(3), events)
    item_matrix = library.catalogue.item_matrix("minilm-l6/1")
    log = library.catalogue.log(item_matrix)
    assert log.items.tolist() == [0, 1, 0, 1, 2]
    assert log.strengths.tolist() == [0.5, 1.0, 0.0, 1.0, -1.0]
    assert log.users.tolist() == [0, 1, 1, 0, 1]
    assert len(log.before(minutes[2].timestamp())) == 2
    assert library.catalogue.log_of("bob", item_matrix).items.tolist() == [1, 0, 2]
    assert len(library.catalogue.log_of("nobody", item_matrix)) == 0


def test_the_newest_training_counts_and_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    library = Library(store, tmp_path)
    library.add(item_entries(30), made_events(made_event_log(30, users=30, each=8)))
    assert library.catalogue.newest_training() is None
    library.train()
    first = library.catalogue.newest_training()
    assert first is not None
    library.catalogue.keep_training(replace(first, at=START + timedelta(hours=1), events=7))
    second = library.catalogue.newest_training()
    assert second is not None
    assert (second.events, second.ranking) == (7, first.ranking)
    # The clock was set back.
    library.catalogue.keep_training(replace(first, at=START, events=8))
    assert getattr(library.catalogue.newest_training(), "events", None) == 8


def test_it_goes_on_after_the_database_was_restarted(postgres: PostgresServer, tmp_path: Path) -> None:
    with Store.open(postgres.new_database()) as store:
        library = Library(store, tmp_path)
        library.add(item_entries(3), [EVENT])
        postgres.stop("immediate")
        postgres.start()
        assert library.catalogue.add_events("e.csv", [replace(EVENT, user="bob")]).added == 1
        assert library.catalogue.counts()["events"] == 2
