"""Every reader of files under attack: a file is read, or refused as something that the user can mend."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.hostile.attack import AttackPlan, attack
from tests.hostile.data_files import FORMATS, LARGE_FORMATS, any_config, any_settings, write_any
from tests.text_classes import load
from tfapp.apps.monitor.readers.folder import FolderReader
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.table import TableReader
from tfapp.apps.shared.record_reader import read_records
from tfapp.config import DataSettings
from tfapp.errors import TfappError
from tfapp.registry.model_config import configured_model, configured_names, read_model_config
from tfapp.server.settings_files import read_batching, read_channel_arguments, read_monitoring, read_tls
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.registry import all_tasks
from tfapp.tasks.settings_proposal import propose_settings


def read_or_refused(reader: Callable[[], object]) -> None:
    """Reads; fails at any other error than one for the user, which a command prints in one line."""
    with suppress(TfappError):
        reader()


@pytest.mark.parametrize("form", FORMATS)
def test_any_data_file(form: str, tmp_path: Path, plan: AttackPlan) -> None:
    file = tmp_path / "good.csv"
    file.write_text("text,label\n" + "".join(f"word {number},{'ab'[number % 2]}\n" for number in range(60)))

    def strike(source: random.Random) -> None:
        path = write_any(source, tmp_path, form)
        task = source.choice(list(all_tasks().values()))
        settings = task.settings.data(train=str(path))
        with suppress(TfappError, ValidationError):
            settings = task.settings.data(**{**propose_settings(str(path)).data, "train": str(path)})
        read_or_refused(lambda: propose_settings(str(path)))
        read_or_refused(lambda: load(settings, schema=task.schema))
        _remove(path)

    def still_good() -> None:
        assert load(DataSettings(train=str(file))).labels == ("a", "b")

    attack(plan, 10 if form in LARGE_FORMATS else 60, strike, still_good)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_any_file_of_an_application(form: str, tmp_path: Path, plan: AttackPlan) -> None:
    def strike(source: random.Random) -> None:
        path = write_any(source, tmp_path, form)
        read_or_refused(
            lambda: list(read_records(path, encoding=source.choice(("utf-8", "latin-1", "utf-16", "nope"))))
        )
        reader = FileFollower(path, follow=False) if form == "jsonl" else TableReader(path)
        read_or_refused(lambda: [len(batch.rows) for batch in reader.batches(threading.Event())])
        read_or_refused(
            lambda: [len(batch.rows) for batch in FolderReader(tmp_path, {}, follow=False).batches(threading.Event())]
        )
        _remove(path)

    def still_good() -> None:
        path = tmp_path / "good.csv"
        path.write_text("text\na\n")
        assert len(list(read_records(path))) == 1

    attack(plan, 60, strike, still_good)


def test_any_settings(tmp_path: Path, plan: AttackPlan) -> None:
    file = tmp_path / "settings.toml"

    def strike(source: random.Random) -> None:
        file.write_bytes(any_settings(source).encode("utf-8", "surrogatepass"))
        read_or_refused(
            lambda: load_experiment(file, [f"{source.choice(('data.train', 'a', ''))}={any_settings(source)[:20]}"])
        )

    def still_good() -> None:
        file.write_text('name = "a"\n[data]\ntrain = "a.csv"\n')
        assert load_experiment(file).name == "a"

    attack(plan, 300, strike, still_good)


def test_any_server_configuration(tmp_path: Path, plan: AttackPlan) -> None:
    file = tmp_path / "server.config"

    def strike(source: random.Random) -> None:
        file.write_bytes(any_config(source))
        content = file.read_text(errors="replace")
        for reader in (read_model_config, read_batching, read_monitoring, read_tls):
            read_or_refused(lambda read=reader: read(file))
        read_or_refused(lambda: [configured_model(content, name, file) for name in configured_names(content, file)])
        read_or_refused(lambda: read_channel_arguments(content[:40]))

    def still_good() -> None:
        file.write_text('model_config_list { config { name: "a" base_path: "/a" } }')
        assert configured_names(file.read_text(), file) == ["a"]

    attack(plan, 300, strike, still_good)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
