"""Rows and columns: what people give, what models take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.core.rows import check_rows, row_line, to_columns, to_rows
from tfapp.errors import SettingsError

PAIR = ("query", "candidate")


@given(st.lists(st.tuples(st.text(), st.text())))
def test_rows_become_columns_and_rows_again(rows: list[tuple[str, str]]) -> None:
    columns = to_columns(rows, PAIR)
    assert list(columns) == list(PAIR)
    assert to_rows(columns, PAIR) == rows
    texts = [first for first, _ in rows]
    assert to_rows(to_columns(texts, ("text",)), ("text",)) == texts


def test_rows_of_the_task_s_form_are_taken() -> None:
    assert check_rows(["a", ""], ("text",)) == ["a", ""]
    assert check_rows([("a", "b"), ["c", "d"]], PAIR) == [("a", "b"), ["c", "d"]]
    assert [row_line("a"), row_line(("a", "b"))] == ["a", "a → b"]


@pytest.mark.parametrize(
    ("rows", "inputs", "message"),
    [
        ("text", ("text",), "texts is one string; give a list of texts"),
        ("text", PAIR, r"texts is one string; give a list of \(query, candidate\)"),
        (["a", ("b",)], ("text",), r"row 2: got \('b',\); give a list of texts"),
        ([("a", "b"), "ab"], PAIR, r"row 2: got 'ab'; give a list of \(query, candidate\)"),
        ([("a", "b", "c")], PAIR, "row 1: "),
        ([("a", None)], PAIR, "row 1: "),
        ([3], PAIR, "row 1: got 3"),
    ],
)
def test_rows_of_another_form_are_named(rows: Any, inputs: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_rows(rows, inputs)
