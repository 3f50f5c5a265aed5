"""Prints for commands and notebooks: tables, progress bars, logs, and JSON where a program reads.

Texts of files and servers pass here on their way to the terminal: none of their characters is obeyed by it.
"""

from __future__ import annotations

import html
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Advance",
    "clean_warnings",
    "complain",
    "console",
    "error_console",
    "log_to_stderr",
    "print_json",
    "progress",
    "track",
]

T = TypeVar("T")

_REDRAW_SECONDS = 0.5
_ROWS_A_MOVE = 500


class Advance(Protocol):
    """Moves a progress bar: `advance(count, total, note)`; counts are cumulative."""

    def __call__(self, count: int, total: int | None = None, note: str = "") -> None:
        """Moves the bar."""


def console() -> Console:
    """Returns standard output, for results."""
    return _console(stderr=False)


def error_console() -> Console:
    """Returns standard error, for progress and complaints."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """Makes a console that takes every text as it is: no markup, no emoji names, no control characters."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from tfapp_client.terminal_text import printable

    class PlainTextConsole(Console):
        """Drops terminal control sequences from all that is printed; Rich's own codes are no text."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else printable(text), style, control)

    return PlainTextConsole(stderr=stderr, highlight=False, markup=False, emoji=False)


def complain(message: str) -> None:
    """Prints one line on standard error, after the program's name."""
    from tfapp_client.terminal_text import printable

    print(printable(f"tfapp: {' '.join(message.splitlines())}"), file=sys.stderr)


def log_to_stderr() -> None:
    """Sends the process's log to standard error, one line a message."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainTextFormatter("%(asctime)s %(message)s"))
    logging.basicConfig(handlers=[handler])


def clean_warnings() -> None:
    """Cleans the warnings of a process that has set up no log of its own, which Python writes to standard error."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_PlainTextFormatter())


class _PlainTextFormatter(logging.Formatter):
    """Formats log records without terminal control sequences; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return " ".join(super().formatMessage(record).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        from tfapp_client.terminal_text import printable

        return printable(super().format(record))


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Prints one JSON value on one line of standard output, for a program to read."""
    from tfapp_client.terminal_text import json_line

    print(json_line(value), file=sys.stdout, flush=True)


@contextmanager
def progress(description: str, unit: str = "", *, quiet: bool = False) -> Iterator[Advance]:
    """Shows a progress bar on standard error while the block runs.

    Args:
        description: What is being done.
        unit: "bytes" shows sizes and speed; otherwise the counted thing's name.
        quiet: Show nothing. Nothing is shown either where standard error is no terminal and this is no notebook.

    Yields:
        The function that moves the bar.
    """
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = error_console()
    if screen.is_jupyter:
        with _notebook_progress(description, unit, quiet=quiet) as advance:
            yield advance
        return
    visible = not quiet and screen.is_terminal
    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        count,
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, TimeRemainingColumn(), console=screen, disable=not visible) as bar:
        task = bar.add_task(description, total=None, visible=unit != "bytes", note=unit if unit != "bytes" else "")

        def advance(count: int, total: int | None = None, note: str = "") -> None:
            bar.update(task, completed=count, total=total, visible=True, note=note or (unit if unit != "bytes" else ""))

        yield advance


def track(rows: Iterable[T], advance: Advance) -> Iterator[T]:
    """Yields the same rows; the bar moves as they are taken, every few hundred."""
    for number, row in enumerate(rows, start=1):
        if not number % _ROWS_A_MOVE:
            advance(number)
        yield row


@contextmanager
def _notebook_progress(description: str, unit: str, *, quiet: bool) -> Iterator[Advance]:
    """Draws one line of HTML anew; Rich's own bars need ipywidgets in a notebook, and warn where it is missing."""
    from IPython.display import HTML, display

    handle = None if quiet else display(HTML(""), display_id=True)
    last_update = 0.0

    def advance(count: int, total: int | None = None, note: str = "") -> None:
        nonlocal last_update
        if handle is None or (time.monotonic() - last_update < _REDRAW_SECONDS and count != total):
            return
        last_update = time.monotonic()
        size = f' value="{count}" max="{total}"' if total else ""
        text = html.escape(f"{description} {count:,}{f' of {total:,}' if total else ''} {note or unit}")
        handle.update(HTML(f"<progress{size}></progress> {text}"))

    try:
        yield advance
    finally:
        if handle is not None:
            handle.update(HTML(""))
