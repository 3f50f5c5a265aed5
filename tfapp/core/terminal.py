"""Prints for commands: tables, logs, and JSON where a program reads.

Texts of files and servers pass here on their way to the terminal: none of their characters is obeyed by it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "clean_warnings",
    "complain",
    "console",
    "error_console",
    "log_to_stderr",
    "print_json",
]


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
