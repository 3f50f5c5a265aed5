"""Tests that files with texts of users, passwords or tokens are their owner's alone from their first byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tfapp.api import Run
from tfapp.apps.feedback.service import Feedback
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.monitor.sinks.log import LogSink
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_index import VectorIndex
from tfapp.config import Experiment
from tfapp.core.files import narrow, private_folder, private_opener, replacing, write_json, write_json_lines, write_text
from tfapp.data.file_formats import output_writer
from tfapp.data.part_store import PartStore
from tfapp.tasks.experiments import read_run_settings
from tfapp.training.checkpoint import save_checkpoint
from tfapp.training.run_folder import create_run
from tfapp.training.tensorboard import TensorBoardLog


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Everything that a program makes is everybody's, unless it says otherwise."""
    umask = os.umask(0)
    yield
    os.umask(umask)


@pytest.fixture
def usual_umask() -> Iterator[None]:
    umask = os.umask(0o022)
    yield
    os.umask(umask)


@pytest.fixture
def first_modes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The modes with which files come to be, before anything else can be done about them, by their names."""
    modes: dict[str, int] = {}
    open_file = os.open

    def watched_open(path: str, flags: int, *arguments: int, **options: int) -> int:
        is_new = flags & os.O_CREAT and not os.path.lexists(path)
        descriptor = open_file(path, flags, *arguments, **options)
        if is_new:
            modes[os.fsdecode(path)] = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return descriptor

    monkeypatch.setattr(os, "open", watched_open)
    return modes


@pytest.mark.usefixtures("open_umask")
def test_a_private_file_is_never_wide(tmp_path: Path, first_modes: dict[str, int]) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("old")
    file.chmod(0o666)
    with replacing(file) as draft:
        assert mode(draft) == 0o600
        draft.write_text("secret")
        assert mode(draft) == 0o600
    assert (file.read_text(), mode(file)) == ("secret", 0o600)
    assert first_modes == {str(draft): 0o600}


@pytest.mark.usefixtures("open_umask")
def test_the_draft_of_a_killed_process_is_not_written_on(tmp_path: Path) -> None:
    draft = tmp_path / f".{os.getpid()}.settings.toml"
    draft.write_text("left")
    draft.chmod(0o666)
    with draft.open() as reader:
        write_text(tmp_path / "settings.toml", "secret")
        assert reader.read() == "left"
    assert mode(tmp_path / "settings.toml") == 0o600


@pytest.mark.usefixtures("usual_umask")
def test_what_is_shared_is_as_the_umask_says(tmp_path: Path) -> None:
    write_text(tmp_path / "card.md", "x", shared=True)
    write_json(tmp_path / "facts.json", {}, shared=True)
    assert [mode(tmp_path / name) for name in ("card.md", "facts.json")] == [0o644, 0o644]


@pytest.mark.usefixtures("open_umask")
def test_folders_are_private_and_those_of_others_stay(tmp_path: Path) -> None:
    private_folder(tmp_path / "runs")
    private_folder(tmp_path / "support", passable=True)
    (tmp_path / "mine").mkdir(0o755)
    private_folder(tmp_path / "mine")
    assert [mode(tmp_path / name) for name in ("runs", "support", "mine")] == [0o700, 0o711, 0o755]


def test_an_open_file_is_narrowed_and_what_is_no_file_left_alone(tmp_path: Path) -> None:
    file, pipe = tmp_path / "alerts.jsonl", tmp_path / "pipe"
    file.write_text("old\n")
    file.chmod(0o664)
    with open(file, "a", opener=private_opener) as out:
        out.write("new\n")
    assert (file.read_text(), mode(file)) == ("old\nnew\n", 0o600)
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    narrow(pipe)
    narrow(tmp_path / "nowhere")
    assert mode(pipe) == 0o666


@pytest.mark.usefixtures("open_umask")
def test_whoever_writes_a_draft_leaves_it_private(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"text": ["a", "b"]})
    index = VectorIndex()
    index.sync([1], lambda _: np.ones((1, 4), np.float32))
    index.save(tmp_path / "index.usearch")
    save_checkpoint(tmp_path / "checkpoint.npz", [], {})
    write_json_lines(tmp_path / "training" / "ranking.jsonl", [{"text": "a"}])
    for kind in ("csv", "tsv", "jsonl", "parquet"):
        target = tmp_path / f"out.{kind}"
        parts = PartStore.open(target, {})
        writer = output_writer(target)
        parts.write(0, partial(writer.write, rows=rows, answers={"x": np.ones(2)}, first=True))
        assert (mode(parts.folder), mode(parts.path(0))) == (0o700, 0o600)
        parts.finish(partial(writer.merge, parts=[parts.path(0)]))
    LogSink(tmp_path / "log" / "alerts.jsonl").send({}, "key")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 8
    assert {mode(file) for file in files} == {0o600}
    assert {mode(tmp_path / name) for name in ("training", "log")} == {0o700}


@pytest.mark.usefixtures("open_umask")
def test_a_database_and_what_sqlite_puts_beside_it_are_private(tmp_path: Path) -> None:
    file = tmp_path / "feedback" / "store.sqlite"
    with Store.open(file):
        names = {path.name: mode(path) for path in file.parent.iterdir()}
        assert names == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"), 0o600)
    assert mode(file.parent) == 0o700


@pytest.mark.usefixtures("open_umask")
def test_a_database_that_its_owner_opened_to_others_stays_open(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    Store.open(file).close()
    file.chmod(0o640)
    with Store.open(f"sqlite:///{file}"):
        assert {mode(path) for path in tmp_path.iterdir()} == {0o640}


@pytest.mark.usefixtures("open_umask")
def test_a_new_database_is_private_beside_what_a_lost_one_left(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite-wal").touch(0o666)
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "store.sqlite")
    with Store.open(tmp_path / "link.sqlite"):
        assert mode(tmp_path / "store.sqlite") == 0o600
    (tmp_path / "store.sqlite").unlink()
    with Store.open(tmp_path / "store.sqlite"):
        assert {mode(path) for path in tmp_path.glob("store.sqlite*")} == {0o600}


@pytest.mark.usefixtures("open_umask")
def test_an_application_keeps_what_it_knows_to_itself_and_lets_servers_pass_to_its_models(tmp_path: Path) -> None:
    home = tmp_path / "monitor"
    monitor = Monitor.open(home, overrides=["listen_token=0123456789abcdef0123456789abcdef"])
    monitor.keep_settings()
    monitor.store.close()
    assert (mode(home), mode(home / "settings.toml"), mode(home / "store.sqlite")) == (0o711, 0o600, 0o600)
    Feedback.open(tmp_path / "feedback").store.close()
    assert mode(tmp_path / "feedback") == 0o700


def test_what_an_older_application_left_wide_is_narrowed(tmp_path: Path) -> None:
    for folder in ("runs", "training", "models"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(0o755)
    (tmp_path / "settings.toml").write_text("")
    (tmp_path / "settings.toml").chmod(0o644)
    Monitor.open(tmp_path).store.close()
    modes = [mode(tmp_path / name) for name in ("runs", "training", "models", "settings.toml")]
    assert modes == [0o700, 0o700, 0o755, 0o600]


@pytest.mark.usefixtures("open_umask")
def test_a_run_is_private(tmp_path: Path) -> None:
    run = create_run(Experiment(name="x", data={"train": "x.csv"}), tmp_path / "runs")  # type: ignore[arg-type]
    inside = list((tmp_path / "runs").rglob("*"))
    assert {mode(path) for path in [*inside, tmp_path / "runs"] if path.is_dir()} == {0o700}
    assert {mode(path) for path in inside if path.is_file()} == {0o600}
    run.path.chmod(0o755)
    read_run_settings(run.path)
    assert mode(run.path) == 0o700


def test_the_texts_of_a_finished_run_are_private(toy_run: Run) -> None:
    assert mode(toy_run.path) == 0o700
    files = {str(path.relative_to(toy_run.path)): mode(path) for path in toy_run.path.rglob("*") if path.is_file()}
    assert {"settings.toml", "data.json", "evaluation.json", "report.html", "history.jsonl"} <= files.keys()
    assert sum("tfevents" in name for name in files) > 1
    assert {name: file_mode for name, file_mode in files.items() if file_mode != 0o600} == {}


@pytest.mark.usefixtures("open_umask")
def test_what_tensorboard_shows_is_private_from_the_first_byte(tmp_path: Path, first_modes: dict[str, int]) -> None:
    with TensorBoardLog(tmp_path / "tensorboard") as log:
        log.scalars(1, {"loss": 0.5})
        log.scalars(1, {"loss": 0.5}, split="dev")
    assert {path.name: mode(path) for path in (tmp_path / "tensorboard").iterdir()} == {"train": 0o700, "dev": 0o700}
    assert mode(tmp_path / "tensorboard") == 0o700
    assert first_modes == {str(path): 0o600 for path in tmp_path.glob("tensorboard/*/*")}
    assert len(first_modes) == 2


def test_exported_models_stay_readable(toy_models: Path) -> None:
    """A server may run as another user."""
    umask = os.umask(0)
    os.umask(umask)
    for path in toy_models.rglob("*"):
        permissions = (0o555 if path.is_dir() else 0o444) & ~umask
        assert mode(path) & permissions == permissions, path
