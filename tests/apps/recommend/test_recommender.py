from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.apps.recommend.library import START, TOPICS, Library, item_entries, made_event_log, made_events
from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry
from tfapp.apps.recommend.suggestion import Suggestions
from tfapp.apps.shared.store import Store
from tfapp.errors import DataError, ServerError, SettingsError

NEW = [ItemEntry(90 + n, f"new{n}", f"{TOPICS[n]} just out", published=START) for n in range(3)]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as store:
        yield store


@pytest.fixture
def library(sqlite: Store, tmp_path: Path) -> Library:
    """A library of sixty items with events, three new ones, and a ranking that was learnt."""
    item_library = Library(sqlite, tmp_path, reasons=3)
    item_library.add([*item_entries(60), *NEW], made_events(made_event_log()))
    item_library.train()
    return item_library


def keys(suggestions: Suggestions) -> list[str]:
    return [suggestion.item.key for suggestion in suggestions.suggestions]


def topic_of(key: str) -> int:
    return int(key.removeprefix("new").removeprefix("i")) % 3


def test_a_user_gets_what_is_of_their_taste_without_what_they_have_seen(library: Library) -> None:
    recommender = library.recommender()
    for user in range(3):
        past_rows = set(library.catalogue.log_of(f"u{user}", library.catalogue.item_matrix(None)).items.tolist())
        suggestions = recommender.recommend(f"u{user}", 10)
        assert len(suggestions.suggestions) == 10
        assert suggestions.trained
        assert sum(topic_of(key) == user for key in keys(suggestions)) >= 8
        assert not {f"i{row}" for row in past_rows} & set(keys(suggestions))
        # A tenth of the places goes to what nobody has met yet.
        assert keys(suggestions)[-1] == f"new{user}"


def test_what_was_seen_long_ago_is_left_out_too(library: Library) -> None:
    library.settings = library.settings.model_copy(update={"history": 2})
    past_rows = set(library.catalogue.log_of("u0", library.catalogue.item_matrix(None)).items.tolist())
    suggestions = library.recommender().recommend("u0", 60)
    assert suggestions.events == 2
    assert not {f"i{row}" for row in past_rows} & set(keys(suggestions))


def test_what_was_seen_may_come_again_by_setting(library: Library) -> None:
    library.settings = library.settings.model_copy(update={"repeat": True})
    past_rows = set(library.catalogue.log_of("u0", library.catalogue.item_matrix(None)).items.tolist())
    assert {f"i{row}" for row in past_rows} & set(keys(library.recommender().recommend("u0", 10)))


def test_a_suggestion_names_the_items_that_led_to_it(library: Library) -> None:
    recommender = library.recommender()
    past = set(recommender.past("u1", 100))
    first = recommender.recommend("u1", 1).suggestions[0]
    assert first.reasons
    assert {reason.title for reason in first.reasons} <= past
    assert all(reason.kind in ("text", "together") and reason.similarity > 0 for reason in first.reasons)
    new = recommender.recommend("u1", 1, new_only=True).suggestions[0]
    assert (new.item.key, new.ways, new.reasons[0].kind) == ("new1", ("new",), "text")


def test_an_event_counts_at_once(library: Library) -> None:
    recommender = library.recommender()
    assert recommender.recommend("newcomer").events == 0
    now = START + timedelta(hours=20)
    events = [EventEntry(2, "newcomer", f"i{n}", "click", None, now) for n in (2, 5, 8)]
    library.catalogue.add_events("more.csv", events)
    suggestions = recommender.recommend("newcomer", 5)
    assert suggestions.events == 3
    assert {topic_of(key) for key in keys(suggestions)} == {2}


def test_somebody_unknown_gets_what_is_popular_or_what_they_ask_for(library: Library) -> None:
    recommender = library.recommender()
    count = len(library.server.requests)
    suggestions = recommender.recommend("nobody", 5)
    counts = np.bincount(library.catalogue.log(library.catalogue.item_matrix(None)).items)
    assert suggestions.events == 0
    assert {"popular"} == {way for suggestion in suggestions.suggestions for way in suggestion.ways if way != "text"}
    assert counts[int(keys(suggestions)[0][1:])] >= np.sort(counts)[-10]
    assert len(library.server.requests) == count, "no model is needed for that"
    about = recommender.recommend("nobody", 5, about="a phone with a screen and a chip")
    assert {topic_of(key) for key in keys(about)} == {1}
    assert about.suggestions[0].reasons[0].item is None
    assert about.suggestions[0].reasons[0].title == "a phone with a screen and a chip"
    library.server.fail(grpc.StatusCode.INVALID_ARGUMENT, "away")
    with pytest.raises(ServerError, match="the model server: the model minilm-l6/1 cannot be asked: away; check that"):
        recommender.recommend("nobody", about="a phone")


def test_what_people_dislike_is_not_what_they_get(library: Library) -> None:
    now = START + timedelta(hours=20)
    likes = [EventEntry(2, "critic", f"i{n}", "rate", 5.0, now) for n in (0, 3, 6)]
    dislikes = [EventEntry(2, "critic", f"i{n}", "rate", 1.0, now) for n in (1, 4, 7)]
    library.catalogue.add_events("more.csv", [*likes, *dislikes])
    suggestions = library.recommender().recommend("critic", 8)
    assert {topic_of(key) for key in keys(suggestions)} == {0}
    assert all(
        topic_of(reason.item or "") == 0 for suggestion in suggestions.suggestions for reason in suggestion.reasons
    )


def test_items_like_an_item(library: Library) -> None:
    recommender = library.recommender()
    suggestions = recommender.similar("i4", 8)
    assert "i4" not in keys(suggestions)
    assert {topic_of(key) for key in keys(suggestions)} == {1}
    assert topic_of(keys(recommender.similar("new2", 3))[0]) == 2, "a new item is like others by its text"
    with pytest.raises(DataError, match=r'i444: no such item; did you mean "i44"\?'):
        recommender.similar("i444")
    with pytest.raises(SettingsError, match="a list has 1 item or more, not 0"):
        recommender.similar("i4", 0)


def test_before_a_training_what_was_found_is_fused(sqlite: Store, tmp_path: Path) -> None:
    library = Library(sqlite, tmp_path)
    assert library.recommender().recommend("u0").suggestions == ()
    library.add([*item_entries(60), *NEW])
    # Without events the newest come first.
    assert set(keys(library.recommender().recommend("u0", 3))) == {"new0", "new1", "new2"}
    library.catalogue.add_events("e.csv", made_events(made_event_log()))
    suggestions = library.recommender().recommend("u0", 10)
    assert not suggestions.trained
    # What is popular has its share there.
    assert sum(topic_of(key) == 0 for key in keys(suggestions)) >= 6


def test_an_item_that_is_not_out_yet_is_not_recommended(library: Library) -> None:
    library.add([ItemEntry(99, "later", f"{TOPICS[0]} tomorrow", published=START + timedelta(days=2))])
    assert "later" not in keys(library.recommender().recommend("u0", 60, new_only=True))


def test_a_diverse_list_has_several_topics(library: Library) -> None:
    library.settings = library.settings.model_copy(update={"diversity": 0.7})
    suggestions = library.recommender().recommend("u0", 10)
    assert len({topic_of(key) for key in keys(suggestions)}) == 3


def test_a_pair_model_orders_the_best_and_a_list_is_made_without_it_when_it_is_away(library: Library) -> None:
    from tfapp.apps.recommend.pair_model import pair_scores
    from tfapp.apps.recommend.ranking_training import learn_ranking

    item_matrix = library.catalogue.item_matrix("minilm-l6/1")
    pairs = pair_scores(lambda: library.client, "taste", item_matrix)
    lesson = learn_ranking(item_matrix, library.catalogue.log(item_matrix), library.settings, pairs=pairs)
    assert lesson.ranking is not None
    assert lesson.ranking.paired is not None
    assert lesson.ranking.paired.names[-1] == "pair"
    training = library.catalogue.newest_training()
    assert training is not None
    library.settings = library.settings.model_copy(update={"ranker": "taste"})
    assert "was trained; tfapp recommend train" in library.recommender().recommend("u0").degraded
    library.catalogue.keep_training(replace(training, at=START + timedelta(days=1), ranking=lesson.ranking))
    recommender = library.recommender()
    with_pairs = recommender.recommend("u0", 10)
    assert with_pairs.degraded == ""
    assert sum(topic_of(key) == 0 for key in keys(with_pairs)) >= 8
    library.server.fail(grpc.StatusCode.INVALID_ARGUMENT, "away")
    without = recommender.recommend("u0", 10)
    assert (without.degraded, len(without.suggestions)) == ("taste, which could not be asked", 10)
