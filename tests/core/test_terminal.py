"""Tests what is printed: lines for programs, bars for people, and nothing where nobody looks."""

from __future__ import annotations

import io
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from rich.table import Table
from rich.text import Text

from tests.terminal_codes import HOSTILE_TEXTS, control_characters
from tfapp.cli._training_output import TrainingLines
from tfapp.core.progress_bar import progress
from tfapp.core.terminal import (
    clean_warnings,
    complain,
    console,
    error_console,
    log_to_stderr,
    print_json,
)
from tfapp.training import EpochEvent, Observer, StepEvent
from tfapp.workflows.training_progress import TrainingProgress

STEP = StepEvent(5, 20, 0.75, 5e-5, 1.25, 1234.5, 60.0)
DEV = SimpleNamespace(loss=0.5, main_score=0.875, main_name="accuracy")
EPOCH = EpochEvent(1, 10, cast("Any", DEV), True)


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def run_through(observer: Observer) -> None:
    observer.on_start(0, 20)
    for step in range(1, 6):
        observer.on_progress(step)
    observer.on_step(STEP)
    observer.on_progress(6)
    observer.on_epoch(EPOCH)
    observer.on_progress(7)


def test_a_program_reads_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    run_through(TrainingLines())
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "start", "step": 0, "total_steps": 20},
        {
            "event": "step",
            "step": 5,
            "total_steps": 20,
            "loss": 0.75,
            "learning_rate": 5e-5,
            "gradient_norm": 1.25,
            "tokens_per_second": 1234.5,
            "seconds_left": 60.0,
        },
        {
            "event": "epoch",
            "epoch": 1,
            "step": 10,
            "best": True,
            "dev": {"loss": 0.5, "score": 0.875, "score_name": "accuracy"},
        },
    ]
    assert err == ""


def test_texts_are_printed_as_they_are_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "Crème\nbrûlée 今日"})
    assert capsys.readouterr().out == '{"text": "Crème\\nbrûlée 今日"}\n'


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading", "rows") as advance:
        advance(1, 2)
    with TrainingProgress() as bar:
        run_through(bar)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with TrainingProgress() as bar:
        run_through(bar)
    output = error_console().file.getvalue()  # type: ignore[attr-defined]
    for part in ("Training", "7/20", "epoch 1: dev accuracy 0.8750"):
        assert part in output


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_is_quiet_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress("Bringing minilm-l6", "bytes", quiet=quiet) as advance:
        advance(1_000_000, 2_000_000)
    assert (screen.getvalue() == "") is quiet
    assert quiet or "1.0/2.0 MB" in screen.getvalue()


@given(text=HOSTILE_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_foreign_text_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str], text: str) -> None:
    table = Table(text, title=text)
    table.add_row(text)
    table.add_row(Text(text))
    for screen in (console(), error_console()):
        screen.print(text)
        screen.print(f"{text}:", text, soft_wrap=True)
        screen.print(table)
        screen.rule(text)
    complain(text)
    print_json({text: [text]})
    out, err = capsys.readouterr()
    assert not control_characters(out)
    assert not control_characters(err)
    assert json.loads(out.splitlines()[-1]) == {text: [text]}
    assert err.splitlines()[-1].startswith("tfapp: ")


def test_markup_and_emoji_names_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("[red]a[/red]")
    table.add_row("[b]:boom:")
    console().print("[/] [link=https://evil.example]x", table)
    out = capsys.readouterr().out
    for text in ("[/] [link=https://evil.example]x", "[red]a[/red]", "[b]:boom:"):
        assert text in out


def test_styles_of_our_own_reach_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    console().print(Text("\x1b[31mred", style="bold"))
    assert screen.getvalue() == "\x1b[1m[31mred\x1b[0m\n"


def test_a_log_line_is_one_line_and_obeyed_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("tfapp.tests.terminal")
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        log_to_stderr()
        log.warning("model %s: cannot be read", "a\n2026-01-01 all is well\x1b[2J\u202e")
        log.error("failed", exc_info=ValueError("\x9b2J"))
    finally:
        root.handlers = handlers
    err = capsys.readouterr().err
    assert not control_characters(err)
    first, second, trace = err.splitlines()
    assert first.endswith("model a 2026-01-01 all is well[2J: cannot be read")
    assert second.endswith(" failed")
    assert trace == "ValueError: 2J"


def test_warnings_of_a_process_without_a_log_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    clean_warnings()
    assert logging.lastResort is not None
    logging.lastResort.handle(
        logging.makeLogRecord({"msg": "server says \x1b]0;owned\x07\x9b2J", "levelname": "WARNING"})
    )
    assert capsys.readouterr().err == "server says ]0;owned2J\n"
