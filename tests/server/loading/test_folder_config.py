"""Labels and policies of a served folder, and labels that wait for their versions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.registry.fake_versions import add_versions
from tfapp import registry
from tfapp.errors import SettingsError
from tfapp.registry.version_policy import specific
from tfapp.server import folder_server
from tfapp.server.loading.config_file_watcher import FolderConfig
from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.model_source import FolderSource, ServedModel
from tfapp.server.loading.version_state import State
from tfapp.server.request_errors import RequestError


def _load(name: str, version: int, _folder: Path) -> Any:
    return SimpleNamespace(name=name, version=version)


def _write(models: Path, *versions: int, **labels: int) -> None:
    versions_text = " ".join(f"versions: {version}" for version in versions)
    version_labels = " ".join(
        f'version_labels {{ key: "{label}" value: {version} }}' for label, version in labels.items()
    )
    draft = models / "aside"
    draft.write_text(
        # The path of a container, say: a served folder knows its own.
        'model_config_list { config { name: "news" base_path: "/elsewhere" model_platform: "tensorflow" '
        f"model_version_policy {{ specific {{ {versions_text} }} }} {version_labels} }} }}"
    )
    draft.rename(models / registry.CONFIG_FILE)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    add_versions(tmp_path, "mail", 1, 2)
    return add_versions(tmp_path, "news", 1, 2, 3)


@pytest.fixture
def manager(models: Path) -> ModelManager:
    return ModelManager(FolderSource(models, (), FolderConfig(models / registry.CONFIG_FILE)), _load)


def _version(manager: ModelManager, label: str = "stable") -> int:
    with manager.use("news", label=label) as servable:
        return servable.version


def test_the_file_may_come_change_and_go(models: Path, manager: ModelManager) -> None:
    manager.poll()
    assert manager.available() == {"mail": [2], "news": [3]}
    _write(models, 1, 2, stable=1)
    manager.poll()
    assert manager.available() == {"mail": [2], "news": [1, 2]}
    assert _version(manager) == 1
    _write(models, 2, stable=2)
    manager.poll()
    assert (manager.available()["news"], _version(manager)) == ([2], 2)
    (models / registry.CONFIG_FILE).unlink()
    manager.poll()
    assert manager.available() == {"mail": [2], "news": [3]}
    with pytest.raises(RequestError, match="Unrecognized servable version label: stable"):
        _version(manager)


def test_a_file_that_breaks_changes_nothing_and_is_told_once(
    models: Path, manager: ModelManager, caplog: pytest.LogCaptureFixture
) -> None:
    _write(models, 1, stable=1)
    manager.poll()
    (models / registry.CONFIG_FILE).write_text("model_config_list {")
    manager.poll()
    manager.poll()
    assert (manager.available()["news"], _version(manager)) == ([1], 1)
    assert len([record for record in caplog.records if "models.config, line 1" in record.message]) == 1
    with pytest.raises(SettingsError, match=r"models\.config, line 1"):
        folder_server(models)


def test_a_label_moves_when_its_version_takes_requests(models: Path) -> None:
    config = [ServedModel("news", models / "news", specific({1}), {"stable": 1})]
    versions: list[int] = []

    def load(name: str, version: int, folder: Path) -> Any:
        if version == 2:
            versions.append(_version(manager))
        if version == 3:
            raise OSError("cannot be loaded")
        return _load(name, version, folder)

    manager = ModelManager(lambda: config, load)
    manager.poll()
    # Without a policy that keeps the old version: it goes after the label has left it.
    config[:] = [ServedModel("news", models / "news", specific({2}), {"stable": 2})]
    manager.poll()
    assert versions == [1]
    assert (_version(manager), manager.available()) == (2, {"news": [2]})
    # One whose version does not load stays where it is; a new one points where it is told.
    config[:] = [ServedModel("news", models / "news", specific({3}), {"stable": 3, "new": 3})]
    manager.poll()
    assert _version(manager) == 2
    with pytest.raises(RequestError, match=r"Servable not found for request: Specific\(news, 3\)"):
        _version(manager, "new")
    assert manager.states("news", 3)[0].state is State.LOADING
