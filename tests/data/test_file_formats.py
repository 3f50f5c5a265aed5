"""Each format of `data.format` has one record, and every part of it can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from tfapp.config import FormatName
from tfapp.data.file_formats import FORMATS, SUFFIXES, detect_format, output_writer
from tfapp.data.schemas import TABLES
from tfapp.errors import DataError


def test_every_value_of_the_setting_has_a_record_and_a_suffix_names_one_format() -> None:
    assert set(FORMATS) == set(get_args(FormatName))
    assert len(SUFFIXES) == sum(len(file_format.suffixes) for file_format in FORMATS.values())
    assert [name for name, file_format in FORMATS.items() if not file_format.suffixes] == ["folder"]


def test_what_a_file_is_scored_as_can_be_written() -> None:
    scored = {name: file_format.scored_as for name, file_format in FORMATS.items() if file_format.scored_as}
    assert set(TABLES) < set(scored)
    assert {FORMATS[name].writer is not None for name in scored.values()} == {True}
    # What is written is written as it was.
    assert [name for name, file_format in FORMATS.items() if file_format.writer and scored[name] != name] == []


def test_the_suffix_tells_the_format_of_input_and_output(tmp_path: Path) -> None:
    for suffix, name in SUFFIXES.items():
        file = tmp_path / f"a{suffix.upper()}"
        file.touch()
        assert detect_format(file) == name
        if FORMATS[name].writer:
            assert output_writer(file) is FORMATS[name].writer
        else:
            with pytest.raises(DataError, match=r"use \.csv, \.tsv, \.tab, \.jsonl, \.ndjson, \.parquet, \.pq$"):
                output_writer(file)


def test_a_pipe_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    for name in ("auto", "csv", "arrow"):
        with pytest.raises(DataError, match=r"a\.csv is a pipe or a device, .*; write what it gives to a file first$"):
            detect_format(pipe, name)
