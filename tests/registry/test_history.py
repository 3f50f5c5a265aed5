from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.errors import RegistryError
from tfapp.registry import history
from tfapp.registry.history import Change


def _moves(*steps: tuple[str, int | None]) -> list[Change]:
    changes: list[Change] = []
    version = None
    for action, new_version in steps:
        changes.append(Change("news", action, "stable", version, new_version))
        version = new_version
    return changes


@pytest.mark.parametrize(
    ("steps", "versions"),
    [
        ([], []),
        ([("promote", 1)], []),
        ([("promote", 1), ("promote", 2)], [1]),
        ([("promote", 1), ("promote", 2), ("promote", 3)], [2, 1]),
        # A second rollback goes further back.
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)], [1]),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2), ("rollback", 1)], []),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 3)], [1]),
        # What was done by hand is gone back from, too.
        ([("edit", 4), ("promote", 5)], [4]),
        ([("promote", 1), ("edit", 7), ("promote", 2)], [7, 1]),
        ([("promote", 1), ("unlabel", None), ("promote", 2)], [1]),
        ([("promote", 1), ("promote", 2), ("promote", 1), ("promote", 2)], [1]),
    ],
)
def test_where_a_label_can_go_back_to(steps: list[tuple[str, int | None]], versions: list[int]) -> None:
    other_changes = [Change("mail", "promote", "stable", 8, 9), Change("news", "promote", "canary", 8, 9)]
    assert history.earlier([*other_changes, *_moves(*steps), *other_changes], "news", "stable") == versions


def test_a_history_that_begins_late_knows_where_the_label_was() -> None:
    assert history.earlier([Change("news", "promote", "stable", 3, 4)], "news", "stable") == [3]


def test_labels_after_all_changes() -> None:
    changes = [*_moves(("promote", 1), ("promote", 2)), Change("news", "unlabel", "canary", 2, None)]
    assert history.labels_after(changes, "news") == {"stable": 2}
    assert history.labels_after(changes, "mail") == {}


_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_changes = st.builds(
    Change,
    model=_words,
    action=_words,
    label=_words.filter(bool),
    before=st.none() | st.integers(0, 2**63),
    after=st.none() | st.integers(0, 2**63),
    versions=st.lists(st.integers(0), max_size=3).map(tuple),
    note=_words,
    time=_words,
    who=_words,
)


@given(first=st.lists(_changes, max_size=3), second=st.lists(_changes, min_size=1, max_size=3))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, first: list[Change], second: list[Change]
) -> None:
    file = tmp_path_factory.mktemp("history") / "h.jsonl"
    history.append(file, first)
    history.append(file, second)
    assert history.read(file) == [*first, *second]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    assert history.read(file) == []
    history.append(file, _moves(("promote", 1)))
    file.write_text(file.read_text() + '{"model": "news"}\n')
    with pytest.raises(RegistryError, match=r"h\.jsonl, line 2: is no change in JSON; mend the line"):
        history.read(file)
