"""Excel files: values, sheets, rows that are told by their number in the sheet."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_classes import load, read_table
from tfapp.cli.predict import default_output
from tfapp.config import DataSettings
from tfapp.data import read_batches, resolve, write_starter
from tfapp.data.readers.excel import count_rows, iter_blocks
from tfapp.data.readers.read_options import ReadOptions
from tfapp.errors import DataError
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.settings_proposal import propose_settings


def save(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def rows(path: Path, **values: Any) -> list[dict[str, Any]]:
    settings = DataSettings.model_validate({"train": str(path), **values})
    return read_table(resolve(str(path), settings, catalogue={})).to_pylist()


def test_values_are_read_and_rows_told_by_their_number_in_the_sheet(tmp_path: Path) -> None:
    sheet = [["text", "label", None], ["a, b\nc", 1], [], ["d", True], [2.5, "x"], [datetime.date(2024, 5, 1)]]
    sheet.append([datetime.datetime(2024, 5, 1, 12, 30)])
    table = rows(save(tmp_path / "a.xlsx", one=sheet))
    assert [(row["text"], row["label"], row["row"]) for row in table] == [
        ("a, b\nc", "1", 2),
        ("d", "true", 4),
        ("2.5", "x", 5),
        ("2024-05-01", None, 6),
        ("2024-05-01 12:30:00", None, 7),
    ]
    assert count_rows(tmp_path / "a.xlsx") == 6


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text("ab ,;é\n", min_size=1, max_size=9), st.sampled_from(["x", "y"])), min_size=1))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    file = save(tmp_path_factory.getbasetemp() / "a.xlsx", one=[["text", "label"], *map(list, pairs)])
    assert [(row["text"], row["label"]) for row in rows(file)] == pairs
    assert [len(block) for block in iter_blocks(file, ReadOptions(block_rows=1))] == [1] * len(pairs)


def test_a_sheet_is_proposed_and_can_be_learnt_from(tmp_path: Path) -> None:
    messages = [[index, f"a message of the number {index}", "ab"[index % 2]] for index in range(60)]
    file = save(tmp_path / "a.xlsx", Notes=[["id", "message", "team"], *messages], Other=[["x"]])
    proposal = propose_settings(str(file))
    assert (proposal.data["text"], proposal.data["label"], proposal.rows) == ("message", "team", 60)
    assert 'sheet: "Notes", the first one; data.sheet would name another: "Other"' in proposal.notes
    experiment = load_experiment(write_starter(proposal, tmp_path / "e.toml", tasks=task_settings()))
    assert load(experiment.data).labels == ("a", "b")
    table = pa.Table.from_batches(list(read_batches(file, batch_rows=7)))
    assert table.to_pylist()[59] == {"id": "59", "message": "a message of the number 59", "team": "b"}
    assert default_output(file) == tmp_path / "a.predictions.csv"


def test_another_sheet_one_without_names_and_columns_without_names(tmp_path: Path) -> None:
    file = save(tmp_path / "a.xlsx", one=[["text", "label"]], two=[["a", "x"], ["b"]], three=[["n", None, "label"]])
    table = rows(file, sheet="two", header=False, text="0", label="1")
    assert [(row["text"], row["label"], row["row"]) for row in table] == [("a", "x", 1), ("b", None, 2)]
    (block,) = iter_blocks(file, ReadOptions(sheet="three"))
    assert list(block.columns) == ["n", "B", "label"]


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ([], 'the sheet is empty; set data.sheet to another ("one")'),
        ([["text", "text"]], 'two columns are named "text"'),
        (
            [["text", "label"], ["a", "x", None, "note"]],
            "row 2: a value in column D, which the first row does not have",
        ),
        ([["text", "lable"], ["a", "x"]], 'no column "label" (data.label); columns: "text", "lable"; did you mean'),
    ],
)
def test_what_is_wrong_in_a_sheet_is_named(tmp_path: Path, sheet: list[list[Any]], message: str) -> None:
    file = save(tmp_path / "a.xlsx", one=sheet)
    with pytest.raises(DataError) as excinfo:
        rows(file)
    assert str(excinfo.value).startswith(str(file))
    assert message in str(excinfo.value)
    with pytest.raises(DataError, match=r'no sheet "oen" \(data\.sheet\); sheets: "one"; did you mean "one"\?'):
        rows(file, sheet="oen")


def test_what_is_no_excel_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = save(tmp_path / "a.xlsx", one=[["text", "label"], *[[f"text {index}", "x"] for index in range(500)]])
    workbook = file.read_bytes()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a.txt", "no sheet")
    for content in (b"", b"text,label\n", workbook[: len(workbook) // 2], (tmp_path / "b.zip").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(
            DataError, match=r"a\.xlsx: not a readable Excel \(xlsx\) file: .*; copy or write the file again"
        ) as excinfo:
            rows(file)
        assert len(str(excinfo.value).splitlines()) == 1


def test_a_damaged_cell_is_refused_in_one_line(tmp_path: Path) -> None:
    file = save(tmp_path / "a.xlsx", one=[["text", "label"], ["a text", "x"]])
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # Of shared texts, which the file has none of, the number 99.
    cell, wrong_cell = b't="inlineStr"><is><t>a text</t></is>', b't="s"><v>99</v>'
    sheet = parts["xl/worksheets/sheet1.xml"]
    assert cell in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(cell, wrong_cell)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(
        DataError, match=r"a\.xlsx: not a readable Excel \(xlsx\) file: list index out of range; copy or write"
    ):
        rows(file)
