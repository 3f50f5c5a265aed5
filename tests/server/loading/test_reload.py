from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.server.loading.states import wait_for_state
from tfapp.errors import RegistryError, ServerError, SettingsError
from tfapp.server import ModelServer, ServerSettings, configured_server
from tfapp.server.grpc.reload_permissions import ReloadPermissions
from tfapp.server.loading.config_file_watcher import ConfigFileWatcher
from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.model_source import ServedModel, read_served_models, served_models
from tfapp.server.loading.version_state import State
from tfapp.server.request_errors import RequestError
from tfapp.server.settings import TlsSettings
from tfapp.workflows.deploy import Servers


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name, version in (("a", 1), ("a", 2), ("b", 1), ("bad", 1)):
        (tmp_path / name / str(version)).mkdir(parents=True)
    return tmp_path


def _load(name: str, version: int, _folder: Path) -> Any:
    if name == "bad":
        raise OSError("cannot be loaded")
    return SimpleNamespace(name=name, version=version, signatures={}, definitions={})


def _text(models: Path, name: str, rest: str = "") -> str:
    return f'config {{ name: "{name}" base_path: "{models / name}" model_platform: "tensorflow" {rest} }}'


def _specific(*versions: int, **labels: int) -> str:
    versions_text = " ".join(f"versions: {version}" for version in versions)
    labels_text = " ".join(f'version_labels {{ key: "{label}" value: {version} }}' for label, version in labels.items())
    return f"model_version_policy {{ specific {{ {versions_text} }} }} {labels_text}"


def _request(*configs: str) -> Any:
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(f"config {{ model_config_list {{ {' '.join(configs)} }} }}", request)
    return request


@pytest.fixture
def server(models: Path) -> Iterator[ModelServer]:
    first = served_models(_request(_text(models, "a", _specific(1, 2))).config)
    settings = ServerSettings(port=0, max_num_load_retries=1, load_retry_interval_micros=1000, allow_reload=True)
    model_server = ModelServer(lambda: first, settings, load=_load)
    model_server.start()
    yield model_server
    model_server.stop()


def _reload(server: ModelServer, *configs: str) -> Any:
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        return stub.HandleReloadConfigRequest(_request(*configs), timeout=60)


def _version(server: ModelServer, label: str) -> int:
    with server.manager.use("a", label=label) as servable:
        return servable.version


def test_replaces_everything_and_waits_for_new_models(server: ModelServer, models: Path) -> None:
    assert _reload(server, _text(models, "b")).HasField("status")
    assert server.manager.available() == {"b": [1]}
    _reload(server, _text(models, "a"), _text(models, "b"))
    assert server.manager.available() == {"a": [2], "b": [1]}


def test_labels_move_with_a_reload(server: ModelServer, models: Path) -> None:
    _reload(server, _text(models, "a", _specific(1, 2, stable=1)))
    assert _version(server, "stable") == 1
    _reload(server, _text(models, "a", _specific(1, 2, stable=2, canary=2)))
    assert (_version(server, "stable"), _version(server, "canary")) == (2, 2)
    _reload(server, _text(models, "a", _specific(1, 2)))
    with pytest.raises(RequestError, match="Unrecognized servable version label: stable"):
        _version(server, "stable")


def test_a_label_may_only_point_at_what_is_available(server: ModelServer, models: Path) -> None:
    _reload(server, _text(models, "a", _specific(1, 2, stable=1)))
    with pytest.raises(grpc.RpcError) as excinfo:
        _reload(server, _text(models, "a", _specific(1, 2, stable=3)), _text(models, "b"))
    assert excinfo.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert excinfo.value.details() == (
        "Request to assign label to version 3 of model a, which is not currently available for inference"
    )
    # Nothing of it was applied.
    assert server.manager.available() == {"a": [1, 2]}
    assert _version(server, "stable") == 1


def test_where_allowed_a_new_label_may_but_one_that_moves_may_not(models: Path) -> None:
    manager = ModelManager(list, _load)
    config = served_models(_request(_text(models, "a", _specific(1, stable=1))).config)
    with pytest.raises(RequestError, match="not currently available"):
        manager.reload(config)
    manager.reload(config, allow_unavailable=True)
    with pytest.raises(RequestError, match="assign label to version 2"):
        manager.reload(
            served_models(_request(_text(models, "a", _specific(2, stable=2))).config), allow_unavailable=True
        )
    assert manager.available() == {"a": [1]}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("", "Only ModelConfigList is currently supported"),
        ("config { custom_model_config {} }", "Only ModelConfigList is currently supported"),
        (
            "config { model_config_list { config { name: 'a' base_path: '/a' model_platform: 'tensorflow' }"
            " config { name: 'a' base_path: '/a' model_platform: 'tensorflow' } } }",
            "Illegal to list model a multiple times in config list",
        ),
        (
            "config { model_config_list { config { name: 'a' base_path: 'a' model_platform: 'tensorflow' } } }",
            "Expected model a to have an absolute path or URI; got base_path()=a",
        ),
    ],
)
def test_what_is_refused_changes_nothing(server: ModelServer, config: str, text: str) -> None:
    request = text_format.Parse(config, model_management_pb2.ReloadConfigRequest())
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as excinfo:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=60)
    assert excinfo.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in excinfo.value.details()
    assert server.manager.available() == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bad", "{{name: bad version: 1} due to error: UNKNOWN: OSError: cannot be loaded}"),
        ("none", "{{name: none} due to error: no version in "),
    ],
)
def test_a_new_model_that_does_not_load_is_told_after_its_retries(
    server: ModelServer, models: Path, name: str, reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as excinfo:
        _reload(server, _text(models, "a"), _text(models, name))
    assert excinfo.value.code() is grpc.StatusCode.UNKNOWN
    assert excinfo.value.details().startswith(f"1 model(s) did not become available: {{{reason}")
    # The rest of it holds.
    assert server.manager.available() == {"a": [2]}


def test_a_version_is_tried_again_after_its_interval(models: Path) -> None:
    loads: list[int] = []

    def flaky(name: str, version: int, folder: Path) -> Any:
        loads.append(version)
        if len(loads) < 3:
            raise OSError("not yet")
        return _load(name, version, folder)

    config = served_models(_request(_text(models, "a")).config)
    manager = ModelManager(lambda: config, flaky, retry_seconds=0.01)
    manager.poll()
    assert manager.states("a")[0].state is State.LOADING
    # No polling: the retries come by themselves.
    manager.start(0)
    assert wait_for_state(manager, "a", 2, State.AVAILABLE, 30)
    assert loads == [2, 2, 2]
    manager.stop()


def test_the_config_file_is_read_again(models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ {_text(models, 'a')} }}")
    manager = ModelManager(lambda: read_served_models(file), _load)
    manager.poll()
    follower = ConfigFileWatcher(file, manager)
    file.write_text(f"model_config_list {{ {_text(models, 'b')} }}")
    follower.read()
    assert manager.available() == {"b": [1]}
    file.write_text("model_config_list {")
    follower.read()
    follower.read()
    assert manager.available() == {"b": [1]}
    # Said once, not at every reading.
    assert len([record for record in caplog.records if record.message.startswith("model config file")]) == 1
    file.write_text(f"model_config_list {{ {_text(models, 'a', _specific(1))} }}")
    follower.start(0.01)
    assert wait_for_state(manager, "a", 1, State.AVAILABLE, 30)
    follower.stop()


def test_a_file_read_before_a_reload_does_not_undo_it(models: Path, tmp_path: Path) -> None:
    loading, load_end = threading.Event(), threading.Event()

    def slow(name: str, version: int, folder: Path) -> Any:
        if name == "b":
            loading.set()
            assert load_end.wait(30)
        return _load(name, version, folder)

    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ {_text(models, 'a')} }}")
    manager = ModelManager(lambda: read_served_models(file), slow)
    manager.poll()
    config = served_models(_request(_text(models, "a"), _text(models, "b")).config)
    with ThreadPoolExecutor() as pool:
        reload_call = pool.submit(manager.reload, config)
        assert loading.wait(30)
        follower = pool.submit(ConfigFileWatcher(file, manager).read)
        # Time to read the file as it is now.
        time.sleep(0.2)
        file.write_text(f"model_config_list {{ {_text(models, 'a')} {_text(models, 'b')} }}")
        load_end.set()
        reload_call.result(30)
        follower.result(30)
    assert manager.available() == {"a": [2], "b": [1]}


def test_a_server_of_a_config_file(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text("model_config_list { x: 1 }")
    with pytest.raises(SettingsError, match=r"models\.config, line 1: .*no field named \"x\""):
        configured_server(file)
    file.write_text(f"model_config_list {{ {_text(models, 'a', _specific(1, stable=1))} }}")
    with pytest.raises(ServerError, match="allow it with --allow_version_labels_for_unavailable_models"):
        configured_server(file)
    settings = ServerSettings(allow_version_labels_for_unavailable_models=True)
    server = configured_server(file, settings)
    assert server.manager.available() == {}


def test_a_server_takes_no_reload_unless_a_flag_or_mutual_tls_allows_it(models: Path) -> None:
    server = ModelServer(lambda: [ServedModel("a", models / "a")], ServerSettings(port=0), load=_load)
    server.start()
    try:
        with pytest.raises(grpc.RpcError) as excinfo:
            _reload(server, _text(models, "b"))
        assert excinfo.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "off on this server; start it with --allow_reload, or with mutual TLS" in excinfo.value.details()
        assert server.manager.available() == {"a": [2]}
        tfapp_models = models / "models.config"
        tfapp_models.write_text(f"model_config_list {{ {_text(models, 'b')} }}")
        with pytest.raises(RegistryError, match=r"does not take .*PERMISSION_DENIED.*--allow_reload"):
            Servers((server.address,), reload=True, timeout=10).send(tfapp_models)
    finally:
        server.stop()
    for client_verify in (False, True):
        tls = TlsSettings(server_key="k", server_cert="c", client_verify=client_verify, custom_ca="ca")
        rules = ReloadPermissions(ServerSettings(tls=tls))
        if client_verify:
            rules.check_caller()
        else:
            with pytest.raises(RequestError, match="--allow_reload"):
                rules.check_caller()


def test_base_paths_outside_of_the_models_root_are_refused_alike_whether_they_exist(
    server: ModelServer, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "m" / "1").mkdir(parents=True)
    (models / "link").symlink_to(elsewhere / "m")
    (models / "loop").symlink_to(models / "loop")
    paths = (
        elsewhere / "m",
        elsewhere / "missing",
        models / ".." / "x",
        models / "a" / ".." / ".." / elsewhere.name / "m",
        models / "link",
        models / "link" / "missing",
        models / "loop",
    )
    refusals = set()
    for path in paths:
        with pytest.raises(grpc.RpcError) as excinfo:
            _reload(server, f"config {{ name: 'm' base_path: '{path}' model_platform: 'tensorflow' }}")
        refusals.add((excinfo.value.code(), excinfo.value.details()))
    ((code, text),) = refusals
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "base_path of model m is outside of the folder" in text
    assert "--models_root" in text
    assert server.manager.available() == {"a": [1, 2]}


def test_what_lies_at_the_root_of_all_files_has_no_neighbours() -> None:
    rules = ReloadPermissions(ServerSettings(allow_reload=True), [ServedModel("news", Path("/news"))])
    rules.check_models([ServedModel("news", Path("/news"))])
    with pytest.raises(RequestError, match="outside of the folder"):
        rules.check_models([ServedModel("other", Path("/etc"))])


def test_a_models_root_takes_the_place_of_the_folders_served_at_the_start(tmp_path: Path) -> None:
    rules = ReloadPermissions(
        ServerSettings(models_root=tmp_path / "root"), [ServedModel("a", tmp_path / "other" / "a")]
    )
    rules.check_models([ServedModel("a", tmp_path / "root" / "deep" / "a")])
    with pytest.raises(RequestError, match="outside"):
        rules.check_models([ServedModel("a", tmp_path / "other" / "a")])
