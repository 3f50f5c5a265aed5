"""The history of a run, also of one that was killed and resumed."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from tfapp.training import EpochEvent, HistoryObserver, StepEvent, TensorBoardObserver


def step(number: int) -> StepEvent:
    return StepEvent(number, 100, 1.0 / number, 1e-4, 0.5, 1000.0, 2.0)


def epoch(number: int, steps: int) -> EpochEvent:
    dev = SimpleNamespace(loss=0.25, main_score=0.75, main_name="accuracy")
    return EpochEvent(number, steps, cast("Any", dev), True)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history of ten steps, the fifth and the tenth of which end an epoch."""
    path = tmp_path / "history.jsonl"
    ticks = count(100.0, 0.5)
    observer = HistoryObserver(path, clock=lambda: next(ticks))
    observer.on_start(0, 10)
    for number in range(1, 11):
        observer.on_progress(number)
        observer.on_step(step(number))
        if number % 5 == 0:
            observer.on_epoch(epoch(number // 5, number))
    return path


def test_a_line_an_event(file: Path) -> None:
    events = lines(file)
    assert [line["step"] for line in events] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10]
    assert events[0] == {
        "event": "step",
        "step": 1,
        "loss": 1.0,
        "learning_rate": 1e-4,
        "gradient_norm": 0.5,
        "tokens_per_second": 1000.0,
        "seconds": 0.5,
    }
    epochs = [line for line in events if line["event"] == "epoch"]
    assert epochs[1] == {
        "event": "epoch",
        "epoch": 2,
        "step": 10,
        "best": True,
        "loss": 0.25,
        "score": 0.75,
        "score_name": "accuracy",
        "seconds": 6.0,
    }


def test_a_resumed_run_drops_what_came_after_its_checkpoint(file: Path) -> None:
    with file.open("a") as out:
        out.write('{"event": "step", "step": 7, "lo')
    ticks = count(9000.0)
    observer = HistoryObserver(file, clock=lambda: next(ticks))
    observer.on_start(7, 10)
    observer.on_step(step(8))
    events = lines(file)
    assert [line["step"] for line in events] == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    # The time of both processes counts, without what was lost.
    assert [line["seconds"] for line in events[-2:]] == [4.0, 5.0]


def test_a_run_that_starts_over_begins_a_new_history(file: Path) -> None:
    HistoryObserver(file).on_start(0, 10)
    assert file.read_text() == ""


def test_tensorboard_gets_curves_and_settings(tmp_path: Path) -> None:
    for start in (0, 3):
        with TensorBoardObserver(tmp_path, 'name = "news"\n') as observer:
            observer.on_start(start, 10)
            for number in range(start + 1, 6):
                observer.on_step(step(number))
    log = EventAccumulator(str(tmp_path / "train")).Reload()
    assert set(log.Tags()["tensors"]) == {"loss", "learning_rate", "gradient_norm", "tokens_per_second"}
    # The second try wrote steps 4 and 5 again: each step is there once.
    assert [event.step for event in log.Tensors("loss")] == [1, 2, 3, 4, 5]
