"""Implements `tfapp predict`, which answers texts or whole files with a trained or an exported model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfapp.core.rows import Row
from tfapp.core.wording import pluralize
from tfapp.errors import DataError, SettingsError

if TYPE_CHECKING:
    from tfapp.workflows.predict import Predictor

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
            "first ones, then each last one, such as a query and its candidates, or a question and its contexts."
        ),
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="By default FILE.predictions.SUFFIX, which only you can read.")
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

    file = file_to_score(inputs)
    predictor = load_predictor(model)
    if file is None:
        _print_answers(predictor, inputs, probabilities=probabilities, json=json)
        return
    known_columns = {**predictor.columns, **({"text": text} if text is not None else {})}
    columns = input_columns(predictor.inputs, known_columns, column or [])
    labels = tuple(predictor.labels) if probabilities else ()
    score = partial(score_file, columns=columns, format=format, encoding=encoding, header=header, batch_rows=batch_rows)
    _score(partial(score, labels=labels, resume=resume), predictor, file, output or default_output(file), json=json)


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
    from tfapp.data.file_formats import FORMATS, SUFFIXES, data_suffix

    input_suffix = data_suffix(file)
    name = SUFFIXES.get(input_suffix)
    # A file whose suffix says nothing may have values of any kind.
    scored_as = FORMATS[name].scored_as if name else "jsonl"
    suffix = input_suffix if scored_as in (name, None) else FORMATS[scored_as].suffixes[0]
    return file.with_name(f"{file.name[: file.name.lower().rfind(input_suffix)]}.predictions{suffix}")
