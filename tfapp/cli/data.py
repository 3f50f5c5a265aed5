"""Implements `tfapp data`, which describes data files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from tfapp.cli._data_file_options import FILE_HELP, TaskOption, with_hints
from tfapp.core.wording import pluralize
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from tfapp.data import CountTokens, Description

__all__ = ["app"]

app = typer.Typer(help="Describes data files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `describe` a command of its own while it is the only one."""


class _ColumnHints(TyperCommand):
    """A command that says of an option which is a column of some task that `--column` names it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments.

        Raises:
            SettingsError: An option is the name of a column.
        """
        options = {name for parameter in self.params for name in (*parameter.opts, *parameter.secondary_opts)}
        names = {argument.partition("=")[0] for argument in args if argument.startswith("--")}
        unknown_names = {name.removeprefix("--") for name in names - options.union(ctx.help_option_names)}
        # Only then, as it takes a while to load the tasks.
        columns = unknown_names & _column_settings() if unknown_names else set()
        if columns:
            name = min(columns)
            raise SettingsError(f"no such option: --{name} is --column {name}=NAME now")
        return super().parse_args(ctx, args)


def _column_settings() -> set[str]:
    """Returns the settings of all tasks that name a column of texts or of labels."""
    from tfapp.tasks.registry import all_tasks

    schemas = [task.schema for task in all_tasks().values()]
    labels = [schema.target.column(schema.settings(train="")) for schema in schemas]
    names = {setting.removeprefix("data.") for _, setting in filter(None, labels)}
    return names.union(*((*schema.texts, *schema.extra) for schema in schemas))


@app.command(cls=_ColumnHints)
@with_hints
def describe(
    file: Annotated[str, typer.Argument(help=FILE_HELP)],
    *,
    task: TaskOption = None,
    hints: dict[str, Any],
    preset: Annotated[str, typer.Option(help="The preset that counts tokens; none: characters only.")] = "minilm-l6",
    max_length: Annotated[int, typer.Option(help="A limit in tokens, to compare lengths with.")] = 128,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Prints rows, labels, lengths in tokens, duplicates and problems of a data file, and what is proposed for it."""
    from functools import partial

    from tfapp import assets
    from tfapp.core.progress_bar import progress
    from tfapp.core.terminal import console, print_json
    from tfapp.data import describe as describe_data
    from tfapp.tasks.experiments import parse_experiment
    from tfapp.tasks.registry import find_task
    from tfapp.tasks.settings_proposal import propose_settings

    with progress(f"looking at {file}", "bytes", quiet=json) as advance:
        proposal = propose_settings(file, task=task, hints=hints, pull=partial(assets.pull, on_progress=advance))
    sections = {"task": proposal.task, "data": proposal.data}
    experiment = parse_experiment({"name": "describe", **sections}, source="options")
    count_tokens = _token_counter(preset) if preset != "none" else None
    with progress(f"describing {file}", "rows", quiet=json) as advance:
        describe = partial(
            describe_data, schema=find_task(experiment.task).schema, count_tokens=count_tokens, max_length=max_length
        )
        description = describe(file, experiment.data, on_progress=advance)
    if json:
        print_json({**description.to_dict(), "notes": list(proposal.notes)})
        return
    console().print(f"{description.source}: {pluralize(description.rows, 'row')}", markup=False, soft_wrap=True)
    for note in proposal.notes:
        console().print(note, markup=False, soft_wrap=True)
    for table in tables(description):
        console().print(table)


def _token_counter(preset: str) -> CountTokens:
    from tfapp.core.progress_bar import progress

    with progress(f"Bringing {preset}", "bytes") as advance:
        from tfapp.models import load_preset

        return load_preset(preset, on_progress=advance).preprocessor(4).count_tokens


def tables(description: Description) -> list[Table]:
    """Lays a description out: labels, lengths, findings."""
    labels = _table("labels", "label", "rows", "share")
    for name, count in description.labels.items():
        labels.add_row(name, str(count), f"{count / max(description.rows, 1):.1%}")
    lengths = _table("lengths", "", "mean", "median", "95 %", "99 %", "max", f"over {description.max_length}")
    for name, stats in (("characters", description.characters), ("tokens", description.tokens)):
        if stats:
            share = "" if stats.over_limit is None else f"{stats.over_limit:.1%}"
            cells = (stats.mean, stats.median, stats.p95, stats.p99, stats.max)
            lengths.add_row(name, *(f"{value:.0f}" for value in cells), share)
    findings = _table("findings", "kind", "rows", "what")
    for finding in description.findings:
        findings.add_row(finding.kind.replace("_", " "), str(finding.count), finding.message)
    return [*([labels] if description.labels else []), lengths, *([findings] if description.findings else [])]


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index and column != "what" else "left")
    return table
