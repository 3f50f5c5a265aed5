"""`tfapp data`: looks at data files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from tfapp.config import DataSettings
    from tfapp.data import Description

__all__ = ["app"]

_OldColumn = Annotated[str | None, typer.Option(hidden=True)]

app = typer.Typer(help="Describes data files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `describe` a command of its own while it is the only one."""


@app.command()
def describe(
    file: Annotated[
        str, typer.Argument(help="A csv, tsv, jsonl, parquet or SQuAD file, a folder, or a data set's name.")
    ],
    *,
    task: Annotated[str | None, typer.Option(help="The task, as in a settings file; detected by default.")] = None,
    text: Annotated[str | None, typer.Option(help="The column of the texts; detected by default.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of the labels; detected by default.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="INPUT=NAME", help="The column of another input of the task, as candidate=answer."),
    ] = None,
    query: _OldColumn = None,
    candidate: _OldColumn = None,
    question: _OldColumn = None,
    context: _OldColumn = None,
    answer: _OldColumn = None,
    format: Annotated[str, typer.Option(help="The file's format; auto: by the suffix.")] = "auto",  # noqa: A002
    encoding: Annotated[str | None, typer.Option(help="The file's text encoding.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    label_separator: Annotated[str | None, typer.Option(help="Separates the labels of one text.")] = None,
    preset: Annotated[str, typer.Option(help="The preset that counts tokens; none: characters only.")] = "minilm-l6",
    max_length: Annotated[int, typer.Option(help="A limit in tokens, to compare lengths with.")] = 128,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Prints the rows, labels, lengths in tokens, duplicates and problems of a data file."""
    from functools import partial

    from tfapp import assets
    from tfapp.apps.shared.cli_options import named_values
    from tfapp.core.terminal import console, print_json, progress
    from tfapp.data import describe as describe_data
    from tfapp.tasks.registry import find_task

    old = {"query": query, "candidate": candidate, "question": question, "context": context, "answer": answer}
    for name, value in old.items():
        if value is not None:
            raise SettingsError(f"--{name} is --column now: --column {name}={value}")
    given: dict[str, Any] = {"text": text, "label": label, **named_values("--column", column)}
    given |= {"encoding": encoding, "header": header, "label_separator": label_separator}
    with progress(f"looking at {file}", "bytes", quiet=json) as advance:
        task, settings = choose_settings(file, format, given, partial(assets.pull, on_progress=advance), task=task)
    count_tokens = None
    if preset != "none":
        with progress(f"Bringing {preset}", "bytes") as advance:
            from tfapp.models import load_preset

            count_tokens = load_preset(preset, on_progress=advance).preprocessor(4).count_tokens
    with progress(f"describing {file}", "rows", quiet=json) as advance:
        describe = partial(
            describe_data, schema=find_task(task).schema, count_tokens=count_tokens, max_length=max_length
        )
        found = describe(file, settings, on_progress=advance)
    if json:
        print_json(found.to_dict())
        return
    console().print(f"{found.source}: {found.rows} rows", markup=False, soft_wrap=True)
    for table in tables(found):
        console().print(table)


def choose_settings(
    file: str,
    format: str,  # noqa: A002
    given: dict[str, Any],
    pull: Any = None,
    *,
    task: str | None = None,
) -> tuple[str, DataSettings]:
    """Takes what the user gave and finds out the rest: text or label column, header, encoding.

    Args:
        file: A path or a data set's name.
        format: The file's format, or "auto".
        given: Values for `DataSettings` by field; None for what was not given.
        pull: Brings a data set by name.
        task: What the data are for; None: found out with the columns.

    Returns:
        The task, and the settings for the file.
    """
    from tfapp.tasks.experiments import parse_experiment
    from tfapp.tasks.registry import all_tasks
    from tfapp.tasks.sniff import sniff

    chosen = {name: value for name, value in given.items() if value is not None}
    proposed: dict[str, Any] = {}
    spec = all_tasks().get(task or "")
    if (task is None or (spec and spec.classifies_texts)) and not {"text", "label"} <= chosen.keys():
        proposal = sniff(file, format=format, pull=pull)
        task, proposed = task or proposal.task, dict(proposal.data)
    if "label" in chosen:
        proposed = {name: value for name, value in proposed.items() if name not in ("rating", "label_separator")}
    values = {**proposed, **chosen, "train": file} | ({} if format == "auto" else {"format": format})
    named = {} if task is None else {"task": task}
    experiment = parse_experiment({"name": "describe", **named, "data": values}, source="options")
    return experiment.task, experiment.data


def tables(found: Description) -> list[Table]:
    """Lays a description out: labels, lengths, findings."""
    labels = _table("labels", "label", "rows", "share")
    for name, count in found.labels.items():
        labels.add_row(name, str(count), f"{count / max(found.rows, 1):.1%}")
    lengths = _table("lengths", "", "mean", "median", "95 %", "99 %", "max", f"over {found.max_length}")
    for name, stats in (("characters", found.characters), ("tokens", found.tokens)):
        if stats:
            over = "" if stats.over_limit is None else f"{stats.over_limit:.1%}"
            cells = (stats.mean, stats.median, stats.p95, stats.p99, stats.max)
            lengths.add_row(name, *(f"{value:.0f}" for value in cells), over)
    findings = _table("findings", "kind", "rows", "what")
    for finding in found.findings:
        findings.add_row(finding.kind.replace("_", " "), str(finding.count), finding.message)
    return [*([labels] if found.labels else []), lengths, *([findings] if found.findings else [])]


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index and column != "what" else "left")
    return table
