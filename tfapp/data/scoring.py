"""Scores files of any size: a model's answers beside the input's columns, resumable."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa

from tfapp.config import FormatName
from tfapp.core.progress import OnProgress
from tfapp.core.rows import Row, to_rows
from tfapp.data.answer_format import AnswerColumn, AnswerFormat
from tfapp.data.file_formats import FORMATS, detect_format, output_writer
from tfapp.data.part_store import PartStore, file_identity
from tfapp.data.readers.json_lines import iter_objects, replace_surrogates
from tfapp.data.readers.read_options import OnBadRow, ReadOptions
from tfapp.data.readers.row_blocks import group_rows
from tfapp.data.rejected_rows import RejectedRows
from tfapp.data.scored_rows import InputRows, JsonLinesWriter, RowWriter
from tfapp.data.sources import existing_path
from tfapp.data.table_reader import as_text, check_column, read_batches
from tfapp.errors import DataError

__all__ = ["Predict", "score_file"]

T = TypeVar("T")

Predict = Callable[[Sequence[Any]], Mapping[str, Any]]
"""Gives the outputs of a task's contract for some rows, such as `label` [rows] and `probabilities` [rows, labels]."""

_ALL_OUTPUTS: Final = AnswerFormat()


def score_file(
    source: Path | str,
    target: Path | str,
    predict: Predict,
    *,
    text: str = "text",
    columns: Mapping[str, str] | None = None,
    format: str = "auto",  # noqa: A002 - the setting's name
    encoding: str = "utf-8",
    header: bool = True,
    batch_rows: int = 1024,
    answer_format: AnswerFormat = _ALL_OUTPUTS,
    labels: Sequence[str] = (),
    identity: str = "",
    resume: bool = True,
    rejected: Path | str | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Scores every row of a file, in bounded memory.

    The target has the input's columns and beside them those of the answers; it is UTF-8 where it is text. An
    empty or missing text is answered like any other, as the empty text. Finished parts lie in `TARGET.parts` until the
    target appears by one rename; a run that was killed goes on after them and makes the same bytes, unless the input,
    the model or the settings changed.

    Args:
        source: A csv, tsv, jsonl or parquet file.
        target: The file to make; its suffix names its format. tsv gets a space for each tab or line end in a field.
        predict: The model.
        text: The column of the texts, of a model of one input.
        columns: Of a model of other inputs, the column of each by its name.
        format: The input's format; "auto" goes by the suffix.
        encoding: The encoding of csv, tsv and jsonl.
        header: Whether the first line of csv and tsv names the columns; otherwise they are 0, 1, 2, ...
        batch_rows: Rows a call of the model, and a part.
        answer_format: Makes the columns of the model's answers; by default one of each output.
        labels: The model's labels, in the order of its probabilities, where these are wanted in the target.
        identity: Tells the model from others.
        resume: Use the parts of a run that was killed.
        rejected: A jsonl file for rows that cannot be read or answered while others can: the `line` of each on which
            it begins or, where only that is known, its `row` among those that were read, and the `reason`. There is
            no file where there is no such row. None: such a row is an error.
        on_progress: Is told the rows done, and an estimate of all rows.

    Returns:
        The number of rows of the target.

    Raises:
        DataError: The input is missing or broken or lacks the column, or the target cannot be written.
    """
    source, target = existing_path(Path(source)), Path(target)
    kind, writer = _choose_formats(source, target, format)
    inputs = dict(columns or {"text": text})
    settings = {"columns": inputs, "format": kind, "encoding": encoding, "header": header, "batch_rows": batch_rows}
    manifest = {"input": file_identity(source), "model": identity, "labels": list(labels), **settings}
    if rejected is not None:
        manifest["rejected"] = str(rejected)
    store = PartStore.open(target, manifest, resume=resume)
    rejects = None if rejected is None else RejectedRows(store, Path(rejected))
    total = FORMATS[kind].count_rows(source)
    rows, parts = 0, 0
    blocks = _read_blocks(
        source,
        kind,
        writer,
        encoding=encoding,
        header=header,
        batch_rows=batch_rows,
        on_bad_row=None if rejects is None else rejects.add_line,
    )
    for index, block in enumerate(blocks):
        if not store.path(index).exists():
            questions, reasons = _questions(source, block, inputs, rows)
            if rejects is None and reasons:
                row, reason = min(reasons.items())
                raise DataError(f"{source}, row {rows + 1 + row}: {reason}")
            ask = partial(_answer_columns, predict, answer_format, labels=labels, inputs=len(inputs))
            if rejects is None:
                answers = ask(questions)
            else:
                answers = _ask_tolerantly(ask, questions, reasons)
                rejects.write(index, {rows + 1 + row: reason for row, reason in sorted(reasons.items())})
            answered = _without(block, reasons)
            store.write(index, partial(writer.write, rows=answered, answers=answers, first=index == 0))
        elif rejects is not None:
            rejects.forget()
        rows += len(block)
        parts = index + 1
        if on_progress:
            on_progress(rows, max(total or 0, rows))
    unanswered = 0 if rejects is None else rejects.finish(parts)
    store.finish(lambda file: writer.merge(file, [store.path(index) for index in range(parts)]))
    return rows - unanswered


def _choose_formats(source: Path, target: Path, format: str) -> tuple[FormatName, RowWriter]:  # noqa: A002
    kind = detect_format(source, format)
    if FORMATS[kind].scored_as is None or source.is_dir():
        form = "a folder" if source.is_dir() else f"read as {FORMATS[kind].content} ({kind})"
        raise DataError(f"{source} is {form}; name a csv, tsv, jsonl or parquet file to score, or set its --format")
    writer = output_writer(target)
    if target.exists() and target.samefile(source):
        raise DataError(f"{target}: the output would replace its own input; choose another output")
    return kind, writer


def _read_blocks(
    source: Path,
    kind: FormatName,
    writer: RowWriter,
    *,
    encoding: str,
    header: bool,
    batch_rows: int,
    on_bad_row: OnBadRow | None,
) -> Iterator[InputRows]:
    if kind != "jsonl" or not isinstance(writer, JsonLinesWriter):
        yield from read_batches(
            source, format=kind, encoding=encoding, header=header, batch_rows=batch_rows, on_bad_row=on_bad_row
        )
        return
    # From jsonl to jsonl objects stay as they are: no types to agree on, no keys to add.
    options = ReadOptions(encoding=encoding, on_bad_row=on_bad_row)
    yield from (objects for _, objects in group_rows(iter_objects(source, options), batch_rows))


def _questions(
    source: Path, block: InputRows, inputs: Mapping[str, str], rows_before: int
) -> tuple[list[Row], dict[int, str]]:
    """Returns what the model is asked of each row of a block, and of rows that hold something else why that is so.

    Raises:
        DataError: The file lacks a column.
    """
    reasons: dict[int, str] = {}
    texts = {}
    for name, column in inputs.items():
        texts[name] = [""] * len(block)
        for row, value in enumerate(_values(source, block, name, column, rows_before)):
            try:
                texts[name][row] = replace_surrogates(as_text(value))
            except ValueError as error:
                reasons[row] = f"the {name} {error}"
    return to_rows(texts, tuple(inputs)), reasons


def _values(source: Path, block: InputRows, name: str, column: str, rows_before: int) -> list[Any]:
    """Returns the values of one input."""
    if isinstance(block, list):
        columns = list(dict.fromkeys(key for values in block for key in values))
        values = [row.get(column) for row in block]
    else:
        columns = block.schema.names
        values = block.column(column).to_pylist() if column in columns else []
    if columns and (rows_before == 0 or not isinstance(block, list)):
        # Objects may leave keys out, but a key that none of the first batch has is a wrong name.
        check_column(source, column, columns, "--text" if name == "text" else f"--column {name}=NAME")
    return values


def _ask_tolerantly(ask: Callable[[list[Row]], T], questions: list[Row], reasons: dict[int, str]) -> T:
    """Returns the answers to all questions but those with a reason against them; it adds the reasons of the model."""
    try:
        return ask(_without(questions, reasons))
    except Exception:  # noqa: BLE001 - where the model refuses all, it is asked again below, and that is raised
        reasons.update(_refused(ask, questions, reasons))
        return ask(_without(questions, reasons))


def _refused(ask: Callable[[list[Row]], object], questions: Sequence[Row], reasons: Container[int]) -> dict[int, str]:
    """Asks each question by itself, and returns why the model has an error for some of them.

    A model that has one for every text has it again for the empty text, which is asked where no row is left.
    """
    refused: dict[int, str] = {}
    for row in (row for row in range(len(questions)) if row not in reasons):
        try:
            ask([questions[row]])
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the other rows are answered
            refused[row] = f"the model refuses it: {' '.join(str(error).split())[:300]}"
    return refused


def _without(rows: Any, left_out: Container[int]) -> Any:
    """Returns a list, or a batch, without some of its rows."""
    kept = [row for row in range(len(rows)) if row not in left_out]
    return [rows[row] for row in kept] if isinstance(rows, list) else rows.take(pa.array(kept, pa.int64()))


def _answer_columns(
    predict: Predict, answer_format: AnswerFormat, rows: list[Row], *, labels: Sequence[str], inputs: int
) -> dict[str, AnswerColumn]:
    # What is answered to nothing still has the names and types of all answers.
    questions = rows or ["" if inputs == 1 else ("",) * inputs]
    columns = answer_format.columns(predict(questions), questions, labels)
    if any(len(column) != len(questions) for column in columns.values()):
        raise ValueError(f"the model answered {[len(column) for column in columns.values()]} rows of {len(questions)}")
    return {name: column[: len(rows)] for name, column in columns.items()}
