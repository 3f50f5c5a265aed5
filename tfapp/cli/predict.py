"""`tfapp predict`: answers texts or whole files with a trained or an exported model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfapp.core.rows import Row, to_columns
from tfapp.errors import DataError, SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from tfapp.workflows.predict import Predictor

__all__ = [
    "answer_rows",
    "default_output",
    "entity_table",
    "file_to_score",
    "input_columns",
    "predict",
    "rows_of",
]

_BAR_WIDTH = 20
# The first outputs of a row, those of them that are words, and those that stand by label.
_FIRST = ("label", "answer", "start", "end", "score")
_WORDS = ("label", "answer")
_BY_LABEL = ("probabilities", "labels", "chosen", "unknown_score")
_NUMBERS = 3


def predict(
    model: Annotated[str, typer.Argument(help="A run folder, or an exported model.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="A csv, tsv, jsonl, parquet or SQuAD file, or texts. For pairs: a query, then its candidates; for "
            "answering: a question, then its contexts."
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
    from tfapp.core.terminal import console, print_json, progress
    from tfapp.data import score_file

    file = file_to_score(inputs)
    predictor = load_predictor(model)
    if file is None:
        rows = answer_rows(predictor, rows_of(predictor.inputs, inputs), probabilities=probabilities)
        if json:
            for row in rows:
                print_json(row)
        else:
            console().print(_table_of(rows, predictor.inputs))
        return
    known = {**predictor.columns, **({"text": text} if text is not None else {})}
    columns = input_columns(predictor.inputs, known, column or [])
    target = output or default_output(file)
    score = partial(score_file, columns=columns, format=format, encoding=encoding, header=header, batch_rows=batch_rows)
    with progress(f"scoring {file}", "rows", quiet=json) as advance:
        count = score(
            file,
            target,
            predictor,
            labels=tuple(predictor.labels) if probabilities else (),
            identity=predictor.identity,
            resume=resume,
            on_progress=advance,
        )
    if json:
        print_json({"rows": count, "output": str(target)})
    else:
        console().print(f"{count} rows scored: {target}", markup=False, soft_wrap=True)


def file_to_score(inputs: Sequence[str]) -> Path | None:
    """Tells whether the arguments are one file or texts.

    Args:
        inputs: The arguments.

    Returns:
        The file, where the only argument is one; None for texts.

    Raises:
        DataError: An argument is spelt like a data file and there is none, or a file stands among others.
    """
    from tfapp.data.blocks import INPUT_SUFFIXES, data_suffix
    from tfapp.data.sources import existing_path

    for value in inputs:
        looks_like_file = len(value.split()) == 1 and data_suffix(Path(value)) in INPUT_SUFFIXES
        if looks_like_file and len(inputs) > 1 and Path(value).is_file():
            raise DataError(f"{value} is a file: give one file, or texts only; got {len(inputs)} arguments")
        if looks_like_file and len(inputs) == 1:
            return existing_path(Path(value))
    only = Path(inputs[0])
    return only if len(inputs) == 1 and len(inputs[0]) < 256 and only.exists() else None


def input_columns(inputs: Sequence[str], known: Mapping[str, str], items: Sequence[str]) -> dict[str, str]:
    """Finds the file's column of each input.

    Args:
        inputs: The names of the task's inputs.
        known: Columns that are named otherwise than the input.
        items: What the user gave, as INPUT=NAME.

    Raises:
        SettingsError: An item has another form, or names no input.
    """
    columns = {name: known.get(name, name) for name in inputs}
    for item in items:
        name, equals, column = item.partition("=")
        if not equals or name not in columns:
            raise SettingsError(f"--column {item}: give INPUT=NAME, where INPUT is {' or '.join(inputs)}")
        columns[name] = column
    return columns


def rows_of(inputs: Sequence[str], texts: Sequence[str]) -> list[Row]:
    """Makes rows of the texts of a command line: one each, or, for a task on pairs, the first with each of the others.

    Raises:
        SettingsError: A query stands alone.
    """
    if len(inputs) == 1:
        return list(texts)
    if len(texts) < len(inputs):
        raise SettingsError(f"the model reads {' and '.join(inputs)}: give one {inputs[0]}, then each {inputs[1]}")
    return [(texts[0], text) for text in texts[1:]]


def default_output(file: Path) -> Path:
    """Names the scored file beside its input: csv for lines of text, jsonl for SQuAD's json, else of the same form."""
    from tfapp.data.blocks import INPUT_SUFFIXES, data_suffix

    written = {"txt": ".csv", "squad": ".jsonl", "arrow": ".parquet", "xlsx": ".csv"}
    known = data_suffix(file)
    suffix = written.get(INPUT_SUFFIXES.get(known, "squad"), known)
    return file.with_name(f"{file.name[: file.name.lower().rfind(known)]}.predictions{suffix}")


def answer_rows(predictor: Predictor, texts: Sequence[Row], *, probabilities: bool = False) -> list[dict[str, Any]]:
    """Asks the model about some rows.

    Args:
        predictor: The model.
        texts: The rows.
        probabilities: Add every label's probability.

    Returns:
        The row's texts by input, and what the model answers: of a classifier `label`, `score`, of a multi-label one
        also the chosen `labels` and, where wanted, `probabilities` by label; of a tagger `entities`, a list; of any
        other its outputs.
    """
    import numpy as np

    from tfapp.core.spans import to_entities

    answers = predictor(texts)
    columns = to_columns(texts, predictor.inputs)
    if {"tag", "start", "end", "score"} <= answers.keys():
        entities = to_entities(answers, columns["text"])
        return [{"text": text, "entities": spans} for text, spans in zip(columns["text"], entities, strict=True)]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    names = [name for name in (*_FIRST, *answers) if name in answers and name not in _BY_LABEL]
    for name in dict.fromkeys(names):
        for row, value in zip(rows, np.asarray(answers[name]).tolist(), strict=True):
            row[name] = value
    for row, chosen in zip(rows, answers.get("chosen", ()), strict=False):
        row["labels"] = [label for label, yes in zip(predictor.labels, chosen, strict=True) if yes]
    if probabilities and "probabilities" in answers:
        for row, values in zip(rows, answers["probabilities"], strict=True):
            row["probabilities"] = dict(zip(predictor.labels, map(float, values), strict=True))
    return rows


def _table_of(rows: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
    if "entities" in rows[0]:
        return entity_table(rows)
    if "embedding" in rows[0]:
        return _table_of_vectors(rows, inputs)
    return _table(rows, inputs) if isinstance(rows[0].get("score"), float) else _table_of_outputs(rows)


def entity_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lays a tagger's answers out, a line a span; `rows` as `answer_rows` gives them."""
    from rich.table import Table

    table = Table("text", "entity", "type", "place", "score")
    for row in rows:
        for number, one in enumerate(row["entities"] or [None]):
            text = row["text"] if not number else ""
            place = [one["text"], one["tag"], f"{one['start']}-{one['end']}"] if one else ["", "", ""]
            table.add_row(text, *place, f"{one['score']:.3f}" if one else "")
        table.add_section()
    return table


def _table(rows: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    chosen = ["chosen"] if "labels" in rows[0] else []
    named = [name for name in _WORDS if name in rows[0]]
    # The numbers of a regression have a unit of their own.
    bars = [""] if all(0 <= row["score"] <= 1 for row in rows) else []
    table = Table(*inputs, *named, "score", *bars, *chosen)
    for row in rows:
        scores = row.get("probabilities") or {" ".join(row[name] for name in named): row["score"]}
        for index, (label, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1])):
            texts = [row[name] if not index else "" for name in inputs]
            labels = [label or Text("none", style="dim") for _ in named]
            picked = [", ".join(row["labels"]) or "none" if not index else ""] if chosen else []
            table.add_row(*texts, *labels, f"{score:.3f}", *("█" * round(score * _BAR_WIDTH) for _ in bars), *picked)
    return table


def _table_of_vectors(rows: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
    """Shows the beginning of each vector, and its cosine with the first, since all have length 1."""
    from rich.table import Table

    first = rows[0]["embedding"]
    table = Table(*inputs, f"{len(first)} numbers", "cosine", "with the first")
    for row in rows:
        cosine = sum(one * other for one, other in zip(row["embedding"], first, strict=True))
        start = " ".join(f"{value:.3f}" for value in row["embedding"][:_NUMBERS])
        bar = "█" * round(max(cosine, 0.0) * _BAR_WIDTH)
        table.add_row(*(row[name] for name in inputs), f"{start} …", f"{cosine:.3f}", bar)
    return table


def _table_of_outputs(rows: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(Text(f"{value:.3f}" if isinstance(value, float) else str(value)) for value in row.values()))
    return table
