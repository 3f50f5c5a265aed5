"""The commands `tfapp recommend`: lists of items for users, with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tfapp.apps.recommend import output
from tfapp.apps.shared.cli_options import (
    Encoding,
    Server,
    SetItem,
    SettingsFile,
    columns_option,
    needs_applications,
)
from tfapp.core.command_options import Json, named_values

if TYPE_CHECKING:
    from tfapp.apps.recommend.service import Recommend

__all__ = ["app"]

app = typer.Typer(help="Recommendation: add items and events, train, recommend.", no_args_is_help=True)

_RecommenderHome: TypeAlias = Annotated[Path, typer.Option(help="The recommender's folder.")]
_ItemCount: TypeAlias = Annotated[int, typer.Option("-k", "--count", help="The number of items.")]
_FOLDER = Path("recommend")


@app.command()
def items(
    file: Annotated[str, typer.Argument(help="A csv, tsv or jsonl file.")],
    *,
    home: _RecommenderHome = _FOLDER,
    column: Annotated[list[str] | None, columns_option("item, title, description, tags or time")] = None,
    encoding: Encoding = "utf-8",
    settings: SettingsFile = None,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Ingests items and embeds those that are new."""
    service = _open(home, settings=settings, overrides=overrides or (), server=server)
    result = service.add_items(file, columns=named_values("--column", column), encoding=encoding, quiet=json)
    output.show_items(result, as_json=json)


@app.command()
def events(
    file: Annotated[str, typer.Argument(help="A csv, tsv or jsonl file.")],
    *,
    home: _RecommenderHome = _FOLDER,
    column: Annotated[list[str] | None, columns_option("user, item, kind, value or time")] = None,
    encoding: Encoding = "utf-8",
    settings: SettingsFile = None,
    overrides: SetItem = None,
    json: Json = False,
) -> None:
    """Ingests what users viewed, clicked and rated."""
    service = _open(home, settings=settings, overrides=overrides or ())
    addition = service.add_events(file, columns=named_values("--column", column), encoding=encoding, quiet=json)
    output.show_events(addition, as_json=json)


@app.command()
def train(
    *, home: _RecommenderHome = _FOLDER, overrides: SetItem = None, server: Server = None, json: Json = False
) -> None:
    """Trains the final ranking on what users liked after what they had done before."""
    service = _open(home, overrides=overrides or (), server=server)
    output.show_trained(service.train(quiet=json), as_json=json)


@app.command("for")
def for_user(
    user: Annotated[str, typer.Argument(help="The user, who may be unknown.")],
    *,
    home: _RecommenderHome = _FOLDER,
    count: _ItemCount = 10,
    about: Annotated[str | None, typer.Option(help="What the user is looking for.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only items without events.")] = False,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Recommends items to a user, and says why."""
    service = _open(home, overrides=overrides or (), server=server)
    with service.recommender() as recommender:
        output.show_list(recommender.recommend(user, count, about=about, new_only=new), as_json=json)


@app.command()
def like(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    home: _RecommenderHome = _FOLDER,
    count: _ItemCount = 10,
    overrides: SetItem = None,
    json: Json = False,
) -> None:
    """Shows items like an item."""
    with _open(home, overrides=overrides or ()).recommender() as recommender:
        output.show_list(recommender.similar(item, count), as_json=json)


@app.command()
def show(*, home: _RecommenderHome = _FOLDER, json: Json = False) -> None:
    """Shows what is known, who came last, and the rejected rows with their reasons."""
    catalogue = _open(home).catalogue
    output.show_counts(
        catalogue.counts(), catalogue.users(10), catalogue.newest_training(), catalogue.rejected_rows(), as_json=json
    )


@app.command()
def evaluate(
    *,
    home: _RecommenderHome = _FOLDER,
    share: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Of the events, those after the time; all learning is from before.")
    ] = 0.2,
    after: Annotated[int, typer.Option(min=1, help="Events of a user, at least, that a list is made of.")] = 10,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Evaluates the lists on what users liked later, beside popularity and item-kNN."""
    service = _open(home, overrides=overrides or (), server=server)
    output.show_evaluation(service.evaluate(share=share, after=after, quiet=json), as_json=json)


@app.command()
def demo(*, home: _RecommenderHome = _FOLDER) -> None:
    """Shows a whole recommender on BBC News with simulated readers."""
    from tfapp.apps.recommend.demo import show_recommend

    show_recommend(_open(home))


@needs_applications()
def _open(home: Path, **options: Any) -> Recommend:
    from tfapp.apps.recommend.service import Recommend

    return Recommend.open(home, **options)
