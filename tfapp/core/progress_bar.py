"""The progress bar, on standard error or in a notebook."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfapp.core.progress import Advance
from tfapp.core.terminal import error_console

__all__ = ["progress"]

_REDRAW_SECONDS = 0.5


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
