"""The queue of trainings, with a stand-in for the command line."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import wait_until
from tfapp.console.training_queue import Training, TrainingQueue
from tfapp.errors import TrainingError

LINES = [
    {"event": "start", "step": 0, "total_steps": 40},
    {"event": "step", "step": 10, "total_steps": 40, "loss": 0.9, "seconds_left": 30.0},
    {
        "event": "epoch",
        "epoch": 1,
        "step": 10,
        "best": True,
        "dev": {"loss": 0.5, "score": 0.8, "score_name": "accuracy"},
    },
]
END = [
    {"event": "end", "run": "runs/mail/1", "test": {"score": 0.9, "score_name": "accuracy", "loss": 0.1}},
    {"event": "published", "version": "models/mail/3"},
]
# Says what it is told to, then does as its argument says: ends, fails, or waits for a file.
PROGRAM = """
import json, pathlib, sys, time
what, lines = sys.argv[1], json.loads(sys.argv[2])
for line in lines:
    print(json.dumps(line), flush=True)
if what == "fail":
    print("a warning", file=sys.stderr)
    sys.exit("tfapp: mail.csv: row 7 is broken; repair it\\na library says good-bye")
if what == "crash":
    raise ZeroDivisionError("a bug")
if what == "stubborn":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(json.dumps({"event": "start", "step": 1, "total_steps": 2}), flush=True)
while what not in ("end", "") and not pathlib.Path(what).exists():
    time.sleep(0.01)
for line in json.loads(sys.argv[3]):
    print(json.dumps(line), flush=True)
"""
MakeQueue = Callable[[], TrainingQueue]


@pytest.fixture
def make_queue(tmp_path: Path) -> Iterator[MakeQueue]:
    """Makes queues on one folder, as consoles that come one after the other; ends what is left of their trainings."""
    queues: list[TrainingQueue] = []
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)

    def make() -> TrainingQueue:
        queues.append(TrainingQueue(tmp_path / "queue", program=(sys.executable, str(script))))
        return queues[-1]

    yield make
    for queue in queues:
        queue.stop()
        for training in queue.all():
            training.kill()


def add(queue: TrainingQueue, what: str | Path, end: list[dict[str, object]] = END) -> Training:
    arguments = [str(what), json.dumps(LINES), json.dumps(end)]
    return queue.add(arguments, title="mail.csv", model="mail")


def reach(training: Training, state: str) -> None:
    wait_until(lambda: training.state == state)


def test_one_runs_after_the_other(make_queue: MakeQueue, tmp_path: Path) -> None:
    queue = make_queue()
    first, second = add(queue, tmp_path / "go"), add(queue, "end")
    queue.start()
    # Its process may write before the queue has noted it.
    wait_until(lambda: first.state == "running" and len(first.log().dev) == 1)
    log = first.log()
    assert second.state == "waiting"
    assert (log.step, log.total_steps, log.progress, log.losses, log.time_left) == (
        10,
        40,
        0.25,
        [(10, 0.9)],
        "30 seconds",
    )
    assert [(score.epoch, score.name, score.score, score.best) for score in log.dev] == [(1, "accuracy", 0.8, True)]
    (tmp_path / "go").touch()
    reach(second, "finished")
    assert first.state == "finished"
    assert (first.log().run, first.log().version_number, first.log().score) == (
        Path("runs/mail/1"),
        "3",
        "accuracy 0.900",
    )
    assert [training.number for training in queue.all()] == [2, 1]


def test_its_files_are_nobody_elses(make_queue: MakeQueue) -> None:
    queue = make_queue()
    training = add(queue, "end")
    queue.start()
    reach(training, "finished")
    paths = [training.folder, *training.folder.iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in paths} == {0}
    assert len(paths) > 4


def test_the_last_complaint_of_one_that_failed_is_told(make_queue: MakeQueue) -> None:
    queue = make_queue()
    failing_training, crashing_training, silent_training = (
        add(queue, "fail"),
        add(queue, "crash"),
        add(queue, "end", []),
    )
    queue.start()
    for training in (failing_training, crashing_training, silent_training):
        reach(training, "failed")
    assert failing_training.error == "mail.csv: row 7 is broken; repair it"
    assert crashing_training.error == "ZeroDivisionError: a bug"
    assert "out of memory" in silent_training.error


def test_one_that_was_not_published_has_failed(make_queue: MakeQueue) -> None:
    queue = make_queue()
    training = add(queue, "end", END[:1])
    queue.start()
    reach(training, "failed")


def test_a_new_console_reads_on(make_queue: MakeQueue, tmp_path: Path) -> None:
    old = make_queue()
    training, waiting_training = add(old, tmp_path / "go"), add(old, "end")
    old.start()
    wait_until(lambda: bool(training.log().dev))
    old.stop()
    assert training.state == "running"
    new = make_queue()
    new.start()
    assert (new.get(1).state, new.get(2).state) == ("running", "waiting")
    (tmp_path / "go").touch()
    reach(new.get(waiting_training.number), "finished")
    assert new.get(training.number).state == "finished"


def test_one_that_died_while_no_console_ran_has_failed(make_queue: MakeQueue, tmp_path: Path) -> None:
    old = make_queue()
    training = add(old, tmp_path / "never")
    old.start()
    reach(training, "running")
    old.stop()
    os.killpg(json.loads((training.folder / "process.json").read_text())["pid"], signal.SIGKILL)
    reach(make_queue().get(training.number), "failed")


def test_one_that_waits_and_one_that_runs_are_cancelled(make_queue: MakeQueue, tmp_path: Path) -> None:
    queue = make_queue()
    running_training, waiting_training, last = add(queue, tmp_path / "never"), add(queue, "end"), add(queue, "end")
    queue.start()
    wait_until(lambda: bool(running_training.log().dev))
    queue.cancel(waiting_training.number)
    queue.cancel(running_training.number)
    reach(running_training, "cancelled")
    reach(last, "finished")
    assert waiting_training.state == "cancelled"
    assert not (waiting_training.folder / "process.json").exists()
    queue.cancel(last.number)
    assert last.state == "finished"


def test_one_that_does_not_obey_is_killed(make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfapp.console.training_queue._STOP_SECONDS", 0.0)
    queue = make_queue()
    training = add(queue, "stubborn")
    queue.start()
    wait_until(lambda: training.log().step == 1)
    queue.cancel(training.number)
    reach(training, "cancelled")


def test_a_process_that_took_the_number_of_an_ended_one_is_left_alone(make_queue: MakeQueue, tmp_path: Path) -> None:
    queue = make_queue()
    training = add(queue, "end", [])
    queue.start()
    reach(training, "failed")
    (training.folder / "process.json").write_text(json.dumps({"pid": os.getpgid(0)}))
    training.kill()


def test_the_password_of_the_console_is_not_handed_on(
    make_queue: MakeQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFAPP_CONSOLE_PASSWORD", "correct horse")
    (tmp_path / "shown.py").write_text("import os; print(list(os.environ))")
    queue = TrainingQueue(tmp_path / "queue", program=(sys.executable, str(tmp_path / "shown.py")))
    training = queue.add([], title="x", model="x")
    queue.look()
    reach(training, "failed")
    lines = (training.folder / "lines.jsonl").read_text()
    assert "PATH" in lines
    assert "TFAPP_CONSOLE_PASSWORD" not in lines


def test_too_many_do_not_wait(make_queue: MakeQueue) -> None:
    queue = make_queue()
    for _ in range(20):
        add(queue, "end")
    with pytest.raises(TrainingError, match="20 trainings wait already"):
        add(queue, "end")
    with pytest.raises(TrainingError, match="no training 99"):
        queue.get(99)


def test_lines_that_are_not_whole_say_nothing(make_queue: MakeQueue) -> None:
    training = add(make_queue(), "end")
    lines = ["", "no json", "[1]", '{"event": "step"}', json.dumps(LINES[0]), '{"event": "start", "st']
    (training.folder / "lines.jsonl").write_text("\n".join(lines))
    assert (training.log().total_steps, training.log().losses) == (40, [])


def test_candidates_and_the_time_of_all_of_them(make_queue: MakeQueue) -> None:
    training = add(make_queue(), "end")
    head, deep = {"name": "head", "reason": "quick"}, {"name": "deep", "reason": "many rows"}
    plan = [{**head, "seconds": 10.0}, {**deep, "seconds": 600}]
    result = {**head, "seconds": 7.0, "dev": {"score": 0.75, "score_name": "accuracy"}}
    lines = [
        {"event": "plan", "candidates": plan, "seconds": 610, "notes": ["texts: column text"]},
        {"event": "candidate", "name": "head", "number": 1, "of": 2},
        *LINES,
        {"event": "candidate_end", **result},
    ]
    (training.folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    assert (training.log().candidate, training.log().time_left) == ("head", "10 minutes")
    assert training.log().best_of("head") == training.log().dev[0]
    lines += [{"event": "candidate", "name": "deep", "number": 2, "of": 2}]
    (training.folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = training.log()
    assert [(candidate.name, candidate.ended, candidate.score, candidate.time) for candidate in log.candidates] == [
        ("head", True, "accuracy 0.750", "7 seconds"),
        ("deep", False, "", "10 minutes"),
    ]
    assert (log.candidate, log.total_steps, log.losses, log.time_left) == ("deep", 0, [], "")
    lines += [{"event": "candidate_left_out", **deep, "note": "deep: left out, as there is no time for it in 1 minute"}]
    (training.folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    left_out = training.log().candidates[1]
    assert (left_out.ended, left_out.time) == (True, "")
    assert left_out.note == "deep: left out, as there is no time for it in 1 minute"
    lines += [{"event": "candidate", "name": "deep", "number": 2, "of": 2, "note": "deep: there is time for it now"}]
    lines += [{"event": "candidate_left_out", "name": "last", "reason": "", "note": "last: left out"}]
    (training.folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [(candidate.name, candidate.ended, candidate.note) for candidate in training.log().candidates] == [
        ("head", True, ""),
        ("deep", False, ""),
        ("last", True, "last: left out"),
    ]
