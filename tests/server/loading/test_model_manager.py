from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from tests.server.loading.states import wait_for_state
from tfapp.registry.version_policy import all_versions, specific
from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.model_source import FolderSource, ServedModel
from tfapp.server.loading.version_state import State
from tfapp.server.request_errors import RequestError


class FakeLoader:
    """Loads nothing; fails for the versions in `broken`, and tells `during` before it returns."""

    def __init__(self) -> None:
        self.broken: set[int] = set()
        self.loads: list[int] = []
        self.during: Callable[[int], None] = lambda _version: None

    def __call__(self, name: str, version: int, folder: Path) -> Any:
        assert folder.is_dir()
        self.loads.append(version)
        self.during(version)
        if version in self.broken:
            raise OSError(f"{folder.name} is broken")
        return SimpleNamespace(name=name, version=version)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    _add(tmp_path, 1)
    return tmp_path


def _add(models: Path, version: int, name: str = "m") -> None:
    (models / name / str(version)).mkdir(parents=True)


def _manager(models: Path, load: FakeLoader, **options: Any) -> ModelManager:
    return ModelManager(FolderSource(models), load, **options)


def _served_version(manager: ModelManager, **choice: Any) -> int:
    with manager.use("m", **choice) as servable:
        return servable.version


def _states(manager: ModelManager) -> dict[int, State]:
    return {item.version: item.state for item in manager.states("m")}


def test_a_new_version_is_loaded_before_the_old_one_goes(models: Path) -> None:
    load = FakeLoader()
    manager = _manager(models, load)
    manager.poll()
    assert _served_version(manager) == 1
    observation: dict[str, Any] = {}

    def look(version: int) -> None:
        observation.update(served=_served_version(manager), states=_states(manager))

    load.during = look
    _add(models, 2)
    manager.poll()
    assert observation == {"served": 1, "states": {2: State.LOADING, 1: State.AVAILABLE}}
    assert _served_version(manager) == 2
    assert _states(manager) == {2: State.AVAILABLE, 1: State.END}
    manager.poll()
    assert load.loads == [1, 2]


def test_going_back_by_removing_the_newest(models: Path) -> None:
    manager = _manager(models, FakeLoader())
    _add(models, 2)
    manager.poll()
    shutil.rmtree(models / "m" / "2")
    manager.poll()
    assert _served_version(manager) == 1
    assert _states(manager) == {1: State.AVAILABLE, 2: State.END}


def test_a_version_that_does_not_load_keeps_the_old_one(models: Path) -> None:
    load = FakeLoader()
    manager = _manager(models, load, max_load_retries=2)
    manager.poll()
    load.broken = {2}
    _add(models, 2)
    for _ in range(5):
        manager.poll()
    assert load.loads == [1, 2, 2, 2]
    assert _served_version(manager) == 1
    status = manager.states("m", 2)[0]
    assert (status.state, status.code, status.message) == (
        State.END,
        grpc.StatusCode.UNKNOWN,
        "OSError: 2 is broken",
    )
    assert manager.failures() == [("m", 2, "OSError: 2 is broken")]


def test_a_version_that_failed_may_be_published_anew(models: Path) -> None:
    load = FakeLoader()
    load.broken = {2}
    manager = _manager(models, load, max_load_retries=0)
    _add(models, 2)
    manager.poll()
    shutil.rmtree(models / "m" / "2")
    manager.poll()
    load.broken = set()
    _add(models, 2)
    manager.poll()
    assert _served_version(manager) == 2
    assert manager.failures() == []


def test_a_missing_folder_unloads_nothing_and_an_empty_one_everything(models: Path) -> None:
    manager = _manager(models, FakeLoader())
    manager.poll()
    (models / "m").rename(models / ".elsewhere")
    manager.poll()
    assert _served_version(manager) == 1
    (models / "m").mkdir()
    manager.poll()
    with pytest.raises(RequestError, match=r"Servable not found for request: Latest\(m\)"):
        _served_version(manager)
    assert _states(manager) == {1: State.END}


def test_a_model_that_appears_later_is_served(models: Path) -> None:
    manager = _manager(models, FakeLoader())
    manager.poll()
    _add(models, 5, "other")
    manager.poll()
    assert manager.available() == {"m": [1], "other": [5]}


def test_an_old_version_stays_until_its_last_request_is_answered(models: Path) -> None:
    manager = _manager(models, FakeLoader(), drain_seconds=60)
    manager.poll()
    _add(models, 2)
    swap = threading.Thread(target=manager.poll)
    with manager.use("m") as servable:
        swap.start()
        assert wait_for_state(manager, "m", 1, State.UNLOADING, 30)
        # Unloading, but this request still has it; others get the new one.
        assert servable.version == 1
        assert _served_version(manager) == 2
        assert swap.is_alive()
    swap.join(30)
    assert _states(manager) == {2: State.AVAILABLE, 1: State.END}


def test_policies_and_labels(models: Path) -> None:
    _add(models, 2)
    _add(models, 3)
    for policy, available in ((specific({1, 3, 9}), [1, 3]), (all_versions(), [1, 2, 3])):
        model = ServedModel("m", models / "m", policy, {"stable": 1, "gone": 9})
        manager = ModelManager(lambda model=model: [model], FakeLoader())
        manager.poll()
        assert manager.available() == {"m": available}
        assert _served_version(manager) == 3
        assert _served_version(manager, version=1) == 1
        assert _served_version(manager, label="stable") == 1
        with pytest.raises(RequestError, match=r"Servable not found for request: Specific\(m, 9\)"):
            _served_version(manager, label="gone")
        with pytest.raises(RequestError, match="Unrecognized servable version label: nope"):
            _served_version(manager, label="nope")


def test_a_label_whose_new_version_does_not_load_keeps_its_old_one(models: Path) -> None:
    for version in (2, 3):
        _add(models, version)
    load = FakeLoader()
    config = [ServedModel("m", models / "m", specific({1, 2}), {"stable": 1, "canary": 2})]
    manager = ModelManager(lambda: config, load)
    manager.poll()
    load.broken = {3}
    config[0] = ServedModel("m", models / "m", specific({2, 3}), {"stable": 3, "canary": 2})
    manager.poll()
    assert _served_version(manager, label="stable") == 1
    load.broken = set()
    manager.poll()
    assert _served_version(manager, label="stable") == 3
    assert manager.available() == {"m": [2, 3]}


def test_a_model_that_the_source_drops_is_unloaded(models: Path) -> None:
    config = [ServedModel("m", models / "m")]
    manager = ModelManager(lambda: config, FakeLoader())
    manager.poll()
    config.clear()
    manager.poll()
    assert manager.available() == {}


def test_the_polling_thread_follows_the_folder_and_survives_a_bad_poll(models: Path) -> None:
    source = FolderSource(models)
    troubles = iter([OSError("the disk is away")])

    def flaky() -> Any:
        trouble = next(troubles, None)
        if trouble:
            raise trouble
        return source()

    manager = ModelManager(flaky, FakeLoader())
    _add(models, 2)
    manager.start(0.01)
    assert wait_for_state(manager, "m", 2, State.AVAILABLE, 30)
    manager.stop()
    assert manager.available() == {}


def test_free_memory_is_given_back_also_where_nothing_is_polled(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = threading.Semaphore(0)
    monkeypatch.setattr("tfapp.server.loading.model_manager._RELEASE_SECONDS", 0.01)
    monkeypatch.setattr("tfapp.server.loading.model_manager.release_memory", releases.release)
    manager = _manager(models, FakeLoader())
    manager.start(0)
    assert all(releases.acquire(timeout=30) for _ in range(3))
    assert manager.stop()
