"""Scores files of any size: a model's answers beside the input's columns, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from tfapp.config import FormatName
from tfapp.core.progress import OnProgress
from tfapp.core.rows import Row, to_rows
from tfapp.data.answer_format import AnswerColumn, AnswerFormat
from tfapp.data.file_formats import FORMATS, detect_format, output_writer
from tfapp.data.part_store import PartStore, file_identity
from tfapp.data.readers.json_lines import iter_objects, replace_surrogates
from tfapp.data.readers.row_blocks import group_rows
from tfapp.data.scored_rows import InputRows, JsonLinesWriter, RowWriter
from tfapp.data.sources import existing_path
from tfapp.data.table_reader import as_text, check_column, read_batches
from tfapp.errors import DataError

__all__ = ["Predict", "score_file"]

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
        on_progress: Is told the rows done, and an estimate of all rows.

    Returns:
        The number of rows.

    Raises:
        DataError: The input is missing or broken or lacks the column, or the target cannot be written.
    """
    source, target = existing_path(Path(source)), Path(target)
    kind, writer = _choose_formats(source, target, format)
    inputs = dict(columns or {"text": text})
    settings = {"columns": inputs, "format": kind, "encoding": encoding, "header": header, "batch_rows": batch_rows}
    manifest = {"input": file_identity(source), "model": identity, "labels": list(labels), **settings}
    store = PartStore.open(target, manifest, resume=resume)
    total = FORMATS[kind].count_rows(source)
    rows, parts = 0, 0
    blocks = _read_blocks(source, kind, writer, encoding=encoding, header=header, batch_rows=batch_rows)
    for index, block in enumerate(blocks):
        if not store.path(index).exists():
            texts = {name: _texts(source, block, name, column, rows) for name, column in inputs.items()}
            answers = _answer_columns(predict, answer_format, to_rows(texts, tuple(inputs)), labels, len(inputs))
            store.write(index, partial(writer.write, rows=block, answers=answers, first=index == 0))
        rows += len(block)
        parts = index + 1
        if on_progress:
            on_progress(rows, max(total or 0, rows))
    store.finish(lambda file: writer.merge(file, [store.path(index) for index in range(parts)]))
    return rows


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
    source: Path, kind: FormatName, writer: RowWriter, *, encoding: str, header: bool, batch_rows: int
) -> Iterator[InputRows]:
    if kind != "jsonl" or not isinstance(writer, JsonLinesWriter):
        yield from read_batches(source, format=kind, encoding=encoding, header=header, batch_rows=batch_rows)
        return
    # From jsonl to jsonl objects stay as they are: no types to agree on, no keys to add.
    yield from (objects for _, objects in group_rows(iter_objects(source, encoding), batch_rows))


def _texts(source: Path, block: InputRows, name: str, column: str, rows_before: int) -> list[str]:
    """Returns the texts of one input."""
    if isinstance(block, list):
        columns = list(dict.fromkeys(key for values in block for key in values))
        values = [row.get(column) for row in block]
    else:
        columns = block.schema.names
        values = block.column(column).to_pylist() if column in columns else []
    if columns and (rows_before == 0 or not isinstance(block, list)):
        # Objects may leave keys out, but a key that none of the first batch has is a wrong name.
        check_column(source, column, columns, "--text" if name == "text" else f"--column {name}=NAME")
    texts = []
    for row, value in enumerate(values, start=rows_before + 1):
        try:
            texts.append(replace_surrogates(as_text(value)))
        except ValueError as error:
            raise DataError(f"{source}, row {row}: the {name} {error}") from error
    return texts


def _answer_columns(
    predict: Predict, answer_format: AnswerFormat, rows: list[Row], labels: Sequence[str], inputs: int
) -> dict[str, AnswerColumn]:
    # What is answered to nothing still has the names and types of all answers.
    questions = rows or ["" if inputs == 1 else ("",) * inputs]
    columns = answer_format.columns(predict(questions), questions, labels)
    if any(len(column) != len(questions) for column in columns.values()):
        raise ValueError(f"the model answered {[len(column) for column in columns.values()]} rows of {len(questions)}")
    return {name: column[: len(rows)] for name, column in columns.items()}
