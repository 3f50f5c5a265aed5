"""No request is lost while versions and configurations change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.load import Load
from tests.memory import resident_megabytes
from tests.served_models import write_numbers
from tests.server.loading.states import wait_for_state
from tfapp.server import ModelServer, ServerSettings, running_server
from tfapp.server.loading.model_source import served_models
from tfapp.server.loading.version_state import State


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in (1, 2, 3):
        write_numbers(tmp_path, version)
    return tmp_path


def _config(models: Path, versions: tuple[int, ...], stable: int) -> Any:
    versions_text = " ".join(f"versions: {version}" for version in versions)
    return text_format.Parse(
        f'config {{ model_config_list {{ config {{ name: "numbers" base_path: "{models / "numbers"}" '
        f'model_platform: "tensorflow" model_version_policy {{ specific {{ {versions_text} }} }} '
        f'version_labels {{ key: "stable" value: {stable} }} }} }} }}',
        model_management_pb2.ReloadConfigRequest(),
    )


def _reloader(server: ModelServer) -> Callable[[Any], None]:
    channel = grpc.insecure_channel(server.address)
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return lambda request: stub.HandleReloadConfigRequest(request, timeout=120) and None


def test_swap_rollback_and_reload_lose_no_request(models: Path) -> None:
    first = served_models(_config(models, (1,), 1).config)
    server = ModelServer(lambda: first, ServerSettings(port=0, file_system_poll_wait_seconds=0.05, allow_reload=True))
    server.start()
    reload = _reloader(server)
    with Load(server.address) as load:
        # Forward: the new version beside the old one, then the label, then the old one goes.
        reload(_config(models, (1, 2), 1))
        assert wait_for_state(server.manager, "numbers", 2, State.AVAILABLE, 60)
        load.wait_for(100)
        reload(_config(models, (1, 2), 2))
        reload(_config(models, (2,), 2))
        assert wait_for_state(server.manager, "numbers", 1, State.END, 60)
        load.wait_for(100)
        # Back: loaded again, then the label.
        reload(_config(models, (1, 2), 2))
        reload(_config(models, (1, 2), 1))
        reload(_config(models, (1,), 1))
        assert wait_for_state(server.manager, "numbers", 2, State.END, 60)
        load.wait_for(100)
        # The same once more, as it is.
        for _ in range(20):
            reload(_config(models, (1,), 1))
        load.wait_for(100)
    server.stop()
    assert load.lost == []
    assert set(load.answers) == {1.0, 2.0}


def test_versions_that_come_and_go_in_the_folder_lose_no_request(models: Path) -> None:
    shutil.rmtree(models / "numbers" / "3")
    settings = ServerSettings(port=0, file_system_poll_wait_seconds=0.02)
    with running_server(models, settings=settings) as server, Load(server.address, label="") as load:
        write_numbers(models, 7)
        assert wait_for_state(server.manager, "numbers", 2, State.END, 60)
        load.wait_for(100)
        shutil.rmtree(models / "numbers" / "7")
        assert wait_for_state(server.manager, "numbers", 7, State.END, 60)
        load.wait_for(100)
    assert load.lost == []
    assert set(load.answers) == {2.0, 7.0}


@pytest.mark.slow
def test_memory_of_unloaded_versions_comes_back(models: Path) -> None:
    server = ModelServer(
        lambda: served_models(_config(models, (1,), 1).config),
        ServerSettings(port=0, file_system_poll_wait_seconds=0, allow_reload=True),
    )
    server.start()
    reload = _reloader(server)
    sizes = []
    for swap in range(50):
        old, new = (1, 2) if swap % 2 == 0 else (2, 1)
        reload(_config(models, (old, new), old))
        reload(_config(models, (old, new), new))
        reload(_config(models, (new,), new))
        sizes.append(resident_megabytes())
    server.stop()
    assert sizes[-1] - sizes[10] < 5
