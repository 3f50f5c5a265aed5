"""The separator of csv files: found, named by a line "sep=" or by a setting, and never guessed from the texts."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_classes import load_table
from tfapp.config import DataSettings
from tfapp.data import read_batches
from tfapp.data.readers.separators import find_separator
from tfapp.errors import DataError, SettingsError
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.settings_proposal import propose_settings

SEPARATORS = [",", ";", "\t", "|"]
FIELDS = st.text(st.sampled_from("ab ,;|\t\"'\n"), max_size=12)


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(path: Path) -> list[list[str]]:
    (batch,) = read_batches(path)
    return [list(row.values()) for row in batch.to_pylist()]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEPARATORS), st.integers(2, 4), st.data())
def test_what_a_csv_writer_wrote_is_read_whatever_the_texts_hold(
    tmp_path_factory: pytest.TempPathFactory, separator: str, width: int, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12))
    file = tmp_path_factory.getbasetemp() / "written.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows([[f"column {index}" for index in range(width)], *rows])
    assert find_separator(file, "utf-8") == separator
    assert read(file) == rows


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(FIELDS, min_size=2, max_size=2), min_size=1, max_size=12))
def test_a_file_that_commas_separate_is_read_by_commas_with_or_without_a_header(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "commas.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    assert find_separator(file, "utf-8") == ","


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=12))
def test_a_file_of_texts_alone_has_no_separator_in_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "texts.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["text"], *([text] for text in texts)])
    assert read(file) == [[text] for text in texts]


def test_unquoted_commas_in_every_text_separate_nothing(tmp_path: Path) -> None:
    file = save(tmp_path / "a.csv", "text;label\n" + "yes, please; no;x\n".replace("; ", " ") * 3 + "well, well;y\n")
    assert read(file)[-1] == ["well, well", "y"]
    file = save(tmp_path / "b.csv", "id;price\r\n1;2,50\r\n2;3,75\r\n")
    assert read(file) == [["1", "2,50"], ["2", "3,75"]]


def test_a_damaged_row_is_named_and_does_not_change_the_separator(tmp_path: Path) -> None:
    rows = [f"a text, {index};x\n" for index in range(20)]
    file = save(tmp_path / "a.csv", "text;label\n" + "".join(rows) + "one; too many;x\n")
    with pytest.raises(DataError, match=r"line 22: 3 fields, expected 2 as in the first line; .* set data\.separator"):
        read(file)
    file = save(tmp_path / "b.csv", "text,label\na; b,x\na; b,c; d,x\n")
    with pytest.raises(DataError, match="line 3: 3 fields, expected 2"):
        read(file)


@pytest.mark.parametrize("hint", ["sep=|\r\n", "sep=|\n", "SEP=|\r"])
def test_the_line_of_excel_names_the_separator_and_is_no_row(tmp_path: Path, hint: str) -> None:
    file = save(tmp_path / "a.csv", f"\ufeff{hint}text|label\na, b|x\nc, d|y|z\n")
    with pytest.raises(DataError, match="line 4: 3 fields, expected 2"):
        read(file)
    save(file, f"\ufeff{hint}text|label\na, b|x\n")
    assert read(file) == [["a, b", "x"]]
    table = load_table(str(file), DataSettings(train="x", separator="|"), labels=["x"])
    assert table["text"].to_pylist() == ["a, b"]


def test_a_setting_names_any_other_separator(tmp_path: Path) -> None:
    file = str(save(tmp_path / "a.csv", "text^label\na, b^x\n"))
    for separator, text in (("^", "a, b"), ("tab", None)):
        settings = parse_experiment({"name": "a", "data": {"train": file, "separator": separator}}).data
        if text is None:
            assert settings.separator == "\t"
            with pytest.raises(DataError, match='no column "text"'):
                load_table(file, settings, labels=["x"])
        else:
            assert load_table(file, settings, labels=["x"])["text"].to_pylist() == [text]
    for bad_separator in ("", ";;", '"', "\n"):
        with pytest.raises(SettingsError, match=r"data\.separator.*must be one character"):
            parse_experiment({"name": "a", "data": {"train": file, "separator": bad_separator}})


def test_a_proposal_names_the_separator(tmp_path: Path) -> None:
    rows = [f"good film, number {index}\tgood\nbad film; number {index}\tbad\n" for index in range(30)]
    proposal = propose_settings(str(save(tmp_path / "a.csv", "text\tlabel\n" + "".join(rows))))
    assert (proposal.data["text"], proposal.data["label"]) == ("text", "label")
    assert [note for note in proposal.notes if note.startswith("separator: the fields are apart by a tab")]
