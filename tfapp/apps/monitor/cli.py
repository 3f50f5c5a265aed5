"""The commands `tfapp monitor`: trends of opinions in a stream of texts, and alerts when they change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tfapp.apps.monitor import output
from tfapp.apps.shared.cli_options import (
    Server,
    SetItem,
    SettingsFile,
    columns_option,
    needs_applications,
)
from tfapp.core.command_options import Json, named_values
from tfapp.core.signals import stop_signals
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.apps.monitor.service import Monitor

__all__ = ["app"]

app = typer.Typer(help="Opinion monitoring: topics and sentiment of a stream, and alerts.", no_args_is_help=True)

_MonitorHome: TypeAlias = Annotated[Path, typer.Option(help="The monitor's folder.")]
_FOLDER = Path("monitor")
# Messages that no sink took, and are shown.
_FAILED = 20


@app.command()
def run(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            help="Files of json lines, which may grow; csv and tsv files; folders of such; - for standard input.",
        ),
    ] = None,
    *,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Also receive texts by POST /messages.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="A host that --listen without a token may be called by, and whose pages may send texts, beside this "
            "machine; may be repeated.",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Stop at the end of the files, instead of waiting for more.")
    ] = False,
    column: Annotated[list[str] | None, columns_option("text, time, id or source")] = None,
    home: _MonitorHome = _FOLDER,
    settings: SettingsFile = None,
    overrides: SetItem = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Reads texts, classifies and stores each once, and raises alerts; models that are missing are trained first.

    It may be stopped or killed at any moment: the same command goes on where it was.
    """
    monitor = _open(home, settings=settings, overrides=overrides or (), server=server)
    columns = named_values("--column", column)
    sinks = output.console_sinks(as_json=json) if monitor.settings.console else []
    with stop_signals() as stop, monitor.show_progress("Monitoring", "texts", quiet=json) as advance:
        outcome = monitor.run(
            inputs or (),
            listen=listen,
            allow_hosts=allow_host or (),
            columns=columns,
            follow=not once,
            sinks=sinks,
            stop=stop,
            on_progress=lambda total: advance(total.stored + total.repeated + total.rejected),
            on_trained=lambda line: output.show_model(line, as_json=json),
            quiet=json,
        )
    output.show_outcome(outcome, monitor.queries.counts(), as_json=json)


@app.command()
def show(
    *,
    by: Annotated[str, typer.Option(help="topic, source or entity.")] = "topic",
    window: Annotated[str | None, typer.Option(help="minute, hour or day; by default that of the alerts.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only texts of this topic.")] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="The number of windows.")] = 48,
    plot: Annotated[Path | None, typer.Option(help="Draws the trends and alerts into this file (png, svg).")] = None,
    home: _MonitorHome = _FOLDER,
    json: Json = False,
) -> None:
    """Shows the trends of topics, sources or entities, and the notifications that could not be delivered."""
    queries = _open(home).queries
    trends = queries.trends(by, window=window, topic=topic, last=last)  # type: ignore[arg-type]  # it checks the words
    if plot is not None:
        from tfapp.apps.monitor.trend_plot import draw_trends

        draw_trends(trends, queries.alerts(), plot)
    failures = queries.undeliverable(_FAILED)
    output.show_trends(trends, queries.counts(), by, undeliverable=failures, as_json=json)


@app.command()
def alerts(
    alert: Annotated[int | None, typer.Argument(help="An alert's number: shows its texts.")] = None,
    *,
    kind: Annotated[str | None, typer.Option(help="rise, vocabulary, length or confidence.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only alerts of this topic.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only open alerts.")] = False,
    limit: Annotated[int, typer.Option("--most", min=1, help="The most alerts, or texts of one alert, to show.")] = 20,
    home: _MonitorHome = _FOLDER,
    json: Json = False,
) -> None:
    """Lists the alerts, newest first; or shows one with its texts."""
    queries = _open(home).queries
    if alert is not None:
        row = queries.alert(alert)
        output.show_alert(row, queries.texts_of(row, limit), as_json=json)
        return
    rows = queries.alerts(kind=kind, topic=topic, open_only=open_only, limit=limit)  # type: ignore[arg-type]
    output.show_alerts(rows, as_json=json)


@app.command()
def resend(
    alert: Annotated[int | None, typer.Argument(help="An alert's number: only its notifications.")] = None,
    *,
    home: _MonitorHome = _FOLDER,
    json: Json = False,
) -> None:
    """Queues undeliverable notifications again, as `show` lists them; `run` sends them, also one that runs already."""
    output.show_resent(_open(home).resend(alert), as_json=json)


@app.command()
def rejected(
    *,
    limit: Annotated[int, typer.Option("--most", min=1, help="The most rows to show.")] = 20,
    home: _MonitorHome = _FOLDER,
    json: Json = False,
) -> None:
    """Lists the rejected rows with their reasons; the newest are kept, all are counted."""
    queries = _open(home).queries
    output.show_rejected(queries.rejected_rows(limit), queries.counts(), as_json=json)


@app.command("set-aside", hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def old_rejected() -> None:
    """Refuses the old name of `rejected`."""
    raise SettingsError("`tfapp monitor set-aside` is `tfapp monitor rejected` now")


@app.command()
def demo(*, home: _MonitorHome = _FOLDER) -> None:
    """Shows a whole monitor: trains the models, replays real texts with a surge of complaints, and detects it."""
    from tfapp.apps.monitor.demo import show_monitor

    show_monitor(_open(home))


@needs_applications()
def _open(home: Path, **options: Any) -> Monitor:
    from tfapp.apps.monitor.service import Monitor

    return Monitor.open(home, **options)
