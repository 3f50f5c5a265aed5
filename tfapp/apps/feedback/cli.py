"""The commands `tfapp feedback`: texts that wait for labels, and the labels that people gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tfapp.apps.shared.cli_options import needs_applications
from tfapp.core.command_options import Json, warn_of_secrets
from tfapp.core.terminal import console, print_json
from tfapp.core.wording import pluralize

if TYPE_CHECKING:
    from tfapp.apps.feedback.service import Feedback

__all__ = ["app"]

app = typer.Typer(help="Labels from people: texts to label in the console, and the export.", no_args_is_help=True)

_FeedbackHome: TypeAlias = Annotated[Path, typer.Option(help="The feedback's folder.")]
_Database: TypeAlias = Annotated[
    str | None,
    typer.Option(
        callback=warn_of_secrets, help="sqlite:///FILE or postgresql://USER@HOST/NAME; by default a file in the folder."
    ),
]
_FOLDER = Path("feedback")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A csv, tsv or jsonl file with one text per row.")],
    *,
    model: Annotated[str, typer.Option(help="The served classifier that scores them.")],
    column: Annotated[str | None, typer.Option(help="The column of the texts; by default it is detected.")] = None,
    home: _FeedbackHome = _FOLDER,
    database: _Database = None,
    json: Json = False,
) -> None:
    """Adds texts to a pool, of which the console's labelling page shows the least certain first."""
    feedback = _open(home, database)
    pool = feedback.add(file, model=model, column=column)
    progress = feedback.pools.progress(pool)
    if json:
        print_json({"pool": pool.id, "texts": progress.texts, "rejected": pool.rejected})
        return
    remark = f"; {pluralize(pool.rejected, 'row')} of the file had no text" if pool.rejected else ""
    line = f"{pool.name}: {pluralize(progress.texts, 'text')} in the pool{remark}"
    console().print(line, markup=False, soft_wrap=True)
    console().print("Next: tfapp console, page Labelling")


@app.command()
def show(*, home: _FeedbackHome = _FOLDER, database: _Database = None, json: Json = False) -> None:
    """Shows the progress of the pools, and how many texts were labelled for each model."""
    feedback = _open(home, database)
    pools = [(pool, feedback.pools.progress(pool)) for pool in feedback.pools.all()]
    counts = feedback.labels.counts()
    if json:
        print_json(
            {"pools": [{"name": p.name, "model": p.model, **vars(state)} for p, state in pools], "labels": counts}
        )
        return
    out = console()
    for pool, state in pools:
        counts_line = f"{pluralize(state.texts, 'text')}, {state.labelled} labelled, {state.skipped} skipped"
        out.print(f"Pool      {pool.name}, {pool.model}: {counts_line}", markup=False, soft_wrap=True)
    for model, count in counts.items():
        out.print(f"Labels    {model}: {pluralize(count, 'text')}", markup=False, soft_wrap=True)
    if not pools and not counts:
        out.print("Nothing yet. Next: tfapp feedback add FILE --model NAME")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="The model whose labels are written.")],
    file: Annotated[Path, typer.Argument(help="The jsonl file to write.")],
    *,
    home: _FeedbackHome = _FOLDER,
    database: _Database = None,
    json: Json = False,
) -> None:
    """Writes a model's labels as jsonl, which `tfapp train` reads."""
    count = _open(home, database).export(model, file)
    if json:
        print_json({"file": str(file), "texts": count})
        return
    console().print(f"{file}: {pluralize(count, 'labelled text')}", markup=False, soft_wrap=True)
    console().print(f"Next: tfapp init {file}", markup=False, soft_wrap=True)


@needs_applications()
def _open(home: Path, database: str | None) -> Feedback:
    from tfapp.apps.feedback.service import Feedback

    return Feedback.open(home, database=database)
