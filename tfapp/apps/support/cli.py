"""The commands `tfapp support`: a customer service that answers from past conversations."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tfapp.apps.shared.cli_options import (
    Encoding,
    Server,
    SetItem,
    SettingsFile,
    columns_option,
    needs_applications,
)
from tfapp.apps.support import output
from tfapp.core.command_options import Json, named_values

if TYPE_CHECKING:
    from tfapp.apps.support.service import Support

__all__ = ["app"]

app = typer.Typer(help="Customer service: build it from past conversations, ask, correct.", no_args_is_help=True)

_SupportHome: TypeAlias = Annotated[Path, typer.Option(help="The customer service's folder.")]
_FOLDER = Path("support")


@app.command()
def build(
    file: Annotated[str, typer.Argument(help="A csv, tsv or jsonl file, or a data set's name (chatterbot).")],
    *,
    home: _SupportHome = _FOLDER,
    column: Annotated[list[str] | None, columns_option("question, answer, intent, conversation or speaker")] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Only rows with this value, as language=english.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Answers of intents: a csv file with intent and answer, which may have {slots}.")
    ] = None,
    encoding: Encoding = "utf-8",
    settings: SettingsFile = None,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Reads questions, answers and intents, trains the models that are missing, and indexes what is new."""
    service = _open(home, settings=settings, overrides=overrides or (), server=server)
    columns, values = named_values("--column", column), named_values("--where", where)
    result = service.build(file, columns=columns, where=values, answers=answers, encoding=encoding, quiet=json)
    output.show_built(result, as_json=json)


@app.command()
def ask(
    questions: Annotated[
        list[str] | None, typer.Argument(help="Questions of one conversation; by default, lines of standard input.")
    ] = None,
    *,
    home: _SupportHome = _FOLDER,
    conversation: Annotated[str | None, typer.Option(help="The conversation to continue, or to begin.")] = None,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Answers questions, with sources, or hands them over to a person with a summary."""
    from uuid import uuid4

    service = _open(home, overrides=overrides or (), server=server)
    name = conversation or uuid4().hex
    lines: Iterable[str] = questions or (line for line in sys.stdin if line.strip())
    with service.assistant() as assistant:
        for question in lines:
            output.show_reply(assistant.ask(question, name), as_json=json)


@app.command()
def correct(
    turn: Annotated[str, typer.Argument(help="The turn, as `ask` printed it.")],
    verdict: Annotated[str, typer.Argument(help="right, wrong, or better.")],
    answer: Annotated[str | None, typer.Argument(help="The better answer, with better.")] = None,
    *,
    intent: Annotated[str | None, typer.Option(help="The question's intent, where the model was wrong.")] = None,
    replaces: Annotated[
        str | None,
        typer.Option(help="The correction that this one replaces, where somebody answered a hand-over."),
    ] = None,
    home: _SupportHome = _FOLDER,
    json: Json = False,
) -> None:
    """Stores a person's correction of an answer; `learn` makes knowledge of it."""
    from tfapp.core.terminal import console, print_json

    service = _open(home)
    values = {"better": answer, "intent": intent, "replaces": replaces}
    name = service.correct(turn, verdict, **values)  # type: ignore[arg-type]  # it checks the word
    if json:
        print_json({"correction": name})
    else:
        console().print("Saved. Next: tfapp support learn")


@app.command()
def learn(*, home: _SupportHome = _FOLDER, server: Server = None, json: Json = False) -> None:
    """Makes knowledge and training data of the corrections since the last time."""
    output.show_lesson(_open(home, server=server).learn(quiet=json), as_json=json)


@app.command()
def show(*, home: _SupportHome = _FOLDER, json: Json = False) -> None:
    """Shows what is known, and the rejected rows with their reasons."""
    service = _open(home)
    output.show_counts(service.knowledge.counts(), service.knowledge.rejected_rows(), as_json=json)


@app.command()
def demo(*, home: _SupportHome = _FOLDER) -> None:
    """Shows a whole customer service on the chatterbot data: builds, asks, hands over, corrects, learns."""
    from tfapp.apps.support.demo import show_support

    show_support(_open(home))


@needs_applications()
def _open(home: Path, **options: Any) -> Support:
    from tfapp.apps.support.service import Support

    return Support.open(home, **options)
