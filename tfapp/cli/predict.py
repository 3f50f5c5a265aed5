"""Implements `tfapp predict`, which answers texts or whole files with a trained or an exported model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfapp.core.rows import Row
from tfapp.core.wording import pluralize
from tfapp.errors import DataError, SettingsError

if TYPE_CHECKING:
    from tfapp.workflows.predict import Predictor
    from tfapp.workflows.predict_files import FileResult

__all__ = [
    "default_output",
    "file_to_score",
    "input_columns",
    "predict",
    "rows_of",
]


def predict(
    model: Annotated[str, typer.Argument(help="A run folder, or an exported model.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="A csv, tsv, jsonl, parquet or SQuAD file, or texts. Of a model that reads several texts at once: the "
            "first ones, then each last one, such as a query and its candidates, or a question and its contexts. With "
            "--output-dir: files, folders of files, and patterns such as 'parts/*.jsonl'."
        ),
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="By default FILE.predictions.SUFFIX, which only you can read.")
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="Score many files into this folder; rows that fail are set aside in NAME.rejected.jsonl."),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The file's column of texts; by default that of the file it learnt from.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="INPUT=NAME", help="The file's column of another input, as candidate=answer."),
    ] = None,
    format: Annotated[str, typer.Option(help="The file's format; auto: by the suffix.")] = "auto",  # noqa: A002
    encoding: Annotated[str, typer.Option(help="The file's text encoding.")] = "utf-8",
    header: Annotated[bool, typer.Option(help="Whether the first line names the columns.")] = True,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Add every label's probability.")] = False,
    batch_rows: Annotated[int, typer.Option(min=1, help="Rows per step; a killed run keeps finished steps.")] = 1024,
    resume: Annotated[bool, typer.Option(help="Continue after the finished steps of a killed run.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per text.")] = False,
) -> None:
    """Predicts for texts, or for a file of any size, with the results beside its columns."""
    from functools import partial

    from tfapp.api import load_predictor
    from tfapp.data import score_file
    from tfapp.workflows.predict_files import find_files, predict_files

    if output_dir is not None and output is not None:
        raise SettingsError("--output names the file of one scored file, --output-dir the folder of many; give one")
    files = find_files(inputs) if output_dir is not None else []
    file = file_to_score(inputs) if output_dir is None else None
    predictor = load_predictor(model)
    if file is None and output_dir is None:
        _print_answers(predictor, inputs, probabilities=probabilities, json=json)
        return
    known_columns = {**predictor.columns, **({"text": text} if text is not None else {})}
    columns = input_columns(predictor.inputs, known_columns, column or [])
    labels = tuple(predictor.labels) if probabilities else ()
    settings = {
        "columns": columns,
        "format": format,
        "encoding": encoding,
        "header": header,
        "batch_rows": batch_rows,
        "labels": labels,
    }
    if output_dir is not None:
        results = predict_files(predictor, files, output_dir, resume=resume, quiet=json, **settings)
        _score_files(results, json=json)
    elif file is not None:
        score = partial(score_file, resume=resume, **settings)  # type: ignore[arg-type]
        _score(score, predictor, file, output or default_output(file), json=json)


def _score(score: Callable[..., int], predictor: Predictor, file: Path, target: Path, *, json: bool) -> None:
    from tfapp.core.progress_bar import progress
    from tfapp.core.terminal import console, print_json

    with progress(f"scoring {file}", "rows", quiet=json) as advance:
        count = score(
            file,
            target,
            predictor,
            answer_format=predictor.answer_format,
            identity=predictor.identity,
            on_progress=advance,
        )
    if json:
        print_json({"rows": count, "output": str(target)})
    else:
        console().print(f"{pluralize(count, 'row')} scored: {target}", markup=False, soft_wrap=True)


def _score_files(results: Iterator[FileResult], *, json: bool) -> None:
    """Prints a line for each scored file, and one for all.

    Raises:
        DataError: Some files could not be scored.
    """
    from tfapp.core.terminal import console, error_console, print_json

    finished, failed = [], 0
    for result in results:
        if result.error:
            failed += 1
            error_console().print(result.error, markup=False, soft_wrap=True)
        else:
            finished.append(result)
        if json:
            print_json(
                {
                    "file": str(result.source),
                    "output": None if result.target is None else str(result.target),
                    "rows": result.rows,
                    "rejected": result.rejected,
                    **({"error": result.error} if result.error else {}),
                }
            )
        elif not result.error:
            note = f"; {pluralize(result.rejected, 'row')} set aside: {result.rejected_file}" if result.rejected else ""
            was_there = "" if result.seconds else ", finished before"
            console().print(
                f"{pluralize(result.rows, 'row')} scored: {result.target}{was_there}{note}",
                markup=False,
                soft_wrap=True,
            )
    rows, rejected = sum(result.rows for result in finished), sum(result.rejected for result in finished)
    seconds = sum(result.seconds for result in finished)
    scored_now = sum(result.rows for result in finished if result.seconds)
    if json:
        print_json({"files": len(finished), "failed": failed, "rows": rows, "rejected": rejected, "seconds": seconds})
    else:
        rate = f", {scored_now / seconds:.0f} a second" if seconds else ""
        note = f"; {pluralize(rejected, 'row')} set aside" if rejected else ""
        console().print(f"{pluralize(len(finished), 'file')}, {pluralize(rows, 'row')}{rate}{note}", soft_wrap=True)
    if failed:
        raise DataError(f"{pluralize(failed, 'file')} could not be scored, see above; run the command again for them")


def _print_answers(predictor: Predictor, inputs: Sequence[str], *, probabilities: bool, json: bool) -> None:
    from tfapp.core.terminal import console, print_json

    answers = predictor.objects(rows_of(predictor.inputs, inputs), probabilities=probabilities)
    if json:
        for answer in answers:
            print_json(answer)
    else:
        console().print(predictor.answer_format.table(answers, predictor.inputs))


def file_to_score(inputs: Sequence[str]) -> Path | None:
    """Finds the file to score among arguments that may be texts.

    Args:
        inputs: The arguments.

    Returns:
        The file, where the only argument is one; None for texts.

    Raises:
        DataError: An argument is spelt like a data file and there is none, or a file stands among others.
    """
    from tfapp.data.file_formats import SUFFIXES, data_suffix
    from tfapp.data.sources import existing_path

    for value in inputs:
        looks_like_file = len(value.split()) == 1 and data_suffix(Path(value)) in SUFFIXES
        if looks_like_file and len(inputs) > 1 and Path(value).is_file():
            raise DataError(f"{value} is a file: give one file, or texts only; got {len(inputs)} arguments")
        if looks_like_file and len(inputs) == 1:
            return existing_path(Path(value))
    path = Path(inputs[0])
    return path if len(inputs) == 1 and len(inputs[0]) < 256 and path.exists() else None


def input_columns(inputs: Sequence[str], known_columns: Mapping[str, str], items: Sequence[str]) -> dict[str, str]:
    """Finds the file's column of each input.

    Args:
        inputs: The names of the task's inputs.
        known_columns: Columns that are named otherwise than the input.
        items: What the user gave, as INPUT=NAME.

    Raises:
        SettingsError: An item has another form, or names no input.
    """
    columns = {name: known_columns.get(name, name) for name in inputs}
    for item in items:
        name, equals, column = item.partition("=")
        if not equals or name not in columns:
            raise SettingsError(f"--column {item}: give INPUT=NAME, where INPUT is {' or '.join(inputs)}")
        columns[name] = column
    return columns


def rows_of(inputs: Sequence[str], texts: Sequence[str]) -> list[Row]:
    """Makes rows of the texts of a command line: one each, or, of several inputs, the first ones with each last one.

    Raises:
        SettingsError: There are fewer texts than inputs.
    """
    *first, last = inputs
    if not first:
        return list(texts)
    if len(texts) < len(inputs):
        ones = ", ".join(f"one {name}" for name in first)
        raise SettingsError(f"the model reads {' and '.join(inputs)}: give {ones}, then each {last}")
    return [(*texts[: len(first)], text) for text in texts[len(first) :]]


def default_output(file: Path) -> Path:
    """Names the scored file beside its input, with the suffix of the format as which such a file is scored."""
    from tfapp.workflows.predict_files import scored_name

    return file.with_name(scored_name(file, ending=".predictions"))
