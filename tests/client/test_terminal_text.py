"""Nothing that a terminal obeys is printed, and JSON keeps its values."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tfapp_client.terminal_text import json_line, one_line, printable

from tests.terminal_codes import HOSTILE_TEXTS, control_characters


@given(HOSTILE_TEXTS)
def test_nothing_is_obeyed_and_the_rest_stays(text: str) -> None:
    output = printable(text)
    assert not control_characters(output)
    output.encode()
    harmless = [character for character in text if character not in control_characters(text)]
    assert [character for character in output if character != "\N{REPLACEMENT CHARACTER}"] == [
        character for character in harmless if character != "\N{REPLACEMENT CHARACTER}"
    ]


@given(HOSTILE_TEXTS)
def test_a_column_is_one_line(text: str) -> None:
    output = one_line(text)
    assert not control_characters(output)
    assert not set("\t\n") & set(output)


@given(
    st.recursive(HOSTILE_TEXTS | st.none() | st.integers(), lambda v: st.lists(v) | st.dictionaries(HOSTILE_TEXTS, v))
)
def test_json_keeps_its_value(value: Any) -> None:
    line = json_line(value)
    assert not control_characters(line)
    assert "\n" not in line
    assert json.loads(line) == value
