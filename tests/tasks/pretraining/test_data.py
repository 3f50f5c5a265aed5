"""Plain text files: a text a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text_classes import load
from tfapp.cli.predict import default_output
from tfapp.config import DataSettings
from tfapp.data import read_batches
from tfapp.data.file_formats import FORMATS, output_writer
from tfapp.data.readers.read_options import ReadOptions
from tfapp.errors import DataError
from tfapp.tasks.registry import find_task


def lines_of(file: Path, block_rows: int = 3) -> list[tuple[int, list[str]]]:
    blocks = FORMATS["txt"].read(file, ReadOptions(block_rows=block_rows))
    return [(block.first_row, block.columns["text"]) for block in blocks]


def test_row_numbers_are_line_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffone\r\n\r\ntwo \nthree\rfour".encode())
    assert lines_of(file) == [(1, ["one", "", "two "]), (4, ["three", "four"])]
    file.write_text("")
    assert lines_of(file) == [(1, [])]


@given(texts=st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", codec="utf-8"), max_size=9), max_size=9))
def test_every_line_comes_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "lines.txt"
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", newline="")
    assert [line for _, block in lines_of(file) for line in block] == texts


def test_empty_lines_are_told_and_repeated_ones_learnt_from_once(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("".join(f"text {number % 40}\n\n" for number in range(50)))
    splits = load(DataSettings(train=str(file), test_share=0), schema=find_task("pretraining").schema)
    assert splits.train.num_rows + splits.dev.num_rows == 40
    assert {finding.kind: finding.count for finding in splits.report.findings} == {"empty_text": 50, "duplicate": 10}


def test_what_is_wrong_with_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\ntw\xe9\n")
    with pytest.raises(DataError, match="line 2: byte 0xe9"):
        load(DataSettings(train=str(file)), schema=find_task("pretraining").schema)
    file.write_text("one\n")
    with pytest.raises(
        DataError, match="the format txt holds texts, one a line; the task classification needs a file with columns"
    ):
        load(DataSettings(train=str(file)))


def test_lines_can_be_scored_into_a_table(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one, two\nthree\n")
    (batch,) = read_batches(file)
    assert batch.to_pydict() == {"text": ["one, two", "three"]}
    assert default_output(file) == tmp_path / "a.predictions.csv"
    with pytest.raises(DataError, match=r'"\.txt" names no output format; use \.csv, '):
        output_writer(file)
