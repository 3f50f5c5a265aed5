"""Reads a sheet of an Excel file (xlsx): its first row names the columns, the others are rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import chain
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

from tfapp.data.readers.bounds import cell_bytes, check_column_count, check_unpacked_size
from tfapp.data.readers.read_errors import unreadable_file
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.errors import DataError, TfappError, did_you_mean

__all__ = ["count_rows", "iter_blocks", "sheet_notes"]

NumberedCells = tuple[int, list[Any]]
"""The number of a row in the sheet, counted from 1, and its values, without empty ones at the end."""

# Excel's own: https://support.microsoft.com/office/excel-specifications-and-limits
_MOST_ROWS: Final = 1 << 20
_MOST_COLUMNS: Final = 1 << 14
# Cells may have a form and no value, in whole columns and rows.
_MOST_EMPTY_CELLS: Final = 1 << 26


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Groups the rows of a sheet into blocks; errors as in `tfapp.data.file_formats.FileFormat.read`.

    Numbers and truth values stay what they are, dates and times become texts as ISO 8601 writes them, a formula is its
    last value. Empty rows are skipped. A column without a name has its letter.
    """
    with _open(path) as book:
        records = _records(path, _sheet(path, book, options.sheet))
        first = next(records, None)
        if first is None:
            raise DataError(f"{path}: the sheet is empty; set data.sheet to another ({_sheet_list(book)})")
        check_column_count(path, len(first[1]))
        names = _names(path, first[1]) if options.header else [str(index) for index in range(len(first[1]))]
        rows = records if options.header else chain([first], records)
        rows = _check_widths(path, rows, len(names))
        for row, some in group_rows(
            rows, options.block_rows, weigh=lambda record: cell_bytes(record[1]), most_bytes=options.block_bytes
        ):
            values = {
                name: [fields[index] for _, fields in some] for index, name in enumerate(names) if options.selects(name)
            }
            yield Block(row, values, tuple(number for number, _ in some))


def sheet_notes(path: Path, options: ReadOptions) -> tuple[str, ...]:
    """Returns a note on the sheet that is read, where the file has several and the user named none."""
    if options.sheet is not None:
        return ()
    with _open(path) as book:
        first, *others = (f'"{name}"' for name in book.sheetnames)
    return (f"sheet: {first}, the first one; data.sheet would name another: {', '.join(others)}",) if others else ()


def count_rows(path: Path) -> int | None:
    """Returns how many rows the first sheet says it has, without the header; None where it does not say."""
    with _open(path) as book:
        rows = book.worksheets[0].max_row
        return None if rows is None else max(min(int(rows), _MOST_ROWS) - 1, 0)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import openpyxl

    try:
        with path.open("rb") as file:
            # A part is read to the size that it states, never beyond it.
            check_unpacked_size(path, sum(part.file_size for part in ZipFile(file).infolist()))
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                yield book
            finally:
                book.close()
    except TfappError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    # What openpyxl stumbles over in a damaged file it raises as it is, of any kind.
    except Exception as error:
        raise unreadable_file(path, "Excel (xlsx)", error) from error


def _sheet(path: Path, book: Any, name: str | None) -> Any:
    if name is None:
        return book.worksheets[0]
    if name not in (sheet.title for sheet in book.worksheets):
        hint = did_you_mean(name, book.sheetnames)
        raise DataError(f'{path}: no sheet "{name}" (data.sheet); sheets: {_sheet_list(book)}{hint}')
    return book[name]


def _sheet_list(book: Any) -> str:
    return ", ".join(f'"{name}"' for name in book.sheetnames)


def _records(path: Path, sheet: Any) -> Iterator[NumberedCells]:
    # Some programs write a wrong size, by which rows would be cut.
    sheet.reset_dimensions()
    empty_cells = 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > _MOST_ROWS or len(cells) > _MOST_COLUMNS:
            raise DataError(
                f"{path}: row {number} of {len(cells)} columns, beyond Excel's own bounds of {_MOST_ROWS} rows and "
                f"{_MOST_COLUMNS} columns; save the file again in Excel"
            )
        values = [_plain(value) for value in cells]
        while values and values[-1] is None:
            values.pop()
        empty_cells += len(cells) - len(values)
        if empty_cells > _MOST_EMPTY_CELLS:
            raise DataError(
                f"{path}, row {number}: more than {_MOST_EMPTY_CELLS} cells without a value; delete empty rows"
            )
        if values:
            yield number, values


def _plain(value: Any) -> Any:
    # Excel knows no dates without a time.
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else value


def _names(path: Path, values: list[Any]) -> list[str]:
    names = [_letter(index) if value is None else str(value).strip() for index, value in enumerate(values)]
    duplicate = next((name for name, count in Counter(names).items() if count > 1), None)
    if duplicate is not None:
        raise DataError(
            f'{path}: two columns are named "{duplicate}"; '
            "rename one, or set data.header = false if the sheet has no names"
        )
    return names


def _check_widths(path: Path, records: Iterator[NumberedCells], width: int) -> Iterator[NumberedCells]:
    for number, values in records:
        if len(values) > width:
            raise DataError(
                f"{path}, row {number}: a value in column {_letter(len(values) - 1)}, which the first row does not "
                "have; give the column a name there, or remove the value"
            )
        yield number, values + [None] * (width - len(values))


def _letter(index: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(index + 1))
