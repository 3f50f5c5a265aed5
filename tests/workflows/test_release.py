"""Promote, roll back and prune, with models that load and models that do not, and under running servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tfapp_client import Client

import tfapp
from tests.load import Load
from tests.registry.fake_versions import add_version, add_versions, parse, record
from tests.served_models import write_classifier, write_numbers
from tests.server.loading.states import wait_for_state
from tfapp import registry
from tfapp.apps.shared.embedding_client import released_version
from tfapp.errors import RegistryError, ReleaseRefusedError, SettingsError
from tfapp.registry import LabelStore
from tfapp.server import ModelServer, ServerSettings, configured_server, running_server
from tfapp.server.loading.version_state import State
from tfapp.workflows import release, version_catalogue
from tfapp.workflows.deploy import Servers

_CALLERS = 8


def _accept(_name: str, _version: int, _folder: Path) -> int:
    return 0


@pytest.fixture
def models_folder(tmp_path: Path) -> Path:
    for version, accuracy in ((1, 0.9), (2, 0.95), (3, 0.8)):
        add_version(tmp_path, "news", version, task="classification", metrics={"accuracy": accuracy})
    return tmp_path


def _labels(models: Path, name: str = "news") -> dict[str, int]:
    return dict(LabelStore.open(models).model(name).labels)


def test_forward_and_back(models_folder: Path) -> None:
    assert tfapp.promote("news", 1, models=models_folder, check=_accept).before is None
    change = tfapp.promote("news", 2, models=models_folder, check=_accept)
    assert (change.before, change.after, change.label) == (1, 2, "stable")
    tfapp.promote("news", 2, label="canary", models=models_folder, check=_accept)
    assert _labels(models_folder) == {"stable": 2, "canary": 2}
    assert tfapp.rollback("news", models=models_folder).after == 1
    with pytest.raises(RegistryError, match="label stable has no earlier version on disk to go back to"):
        tfapp.rollback("news", models=models_folder)
    release.unlabel("news", "canary", models=models_folder)
    assert _labels(models_folder) == {"stable": 1}
    assert [(c.action, c.label, c.after) for c in version_catalogue.history("news", models=models_folder)] == [
        ("promote", "stable", 1),
        ("promote", "stable", 2),
        ("promote", "canary", 2),
        ("rollback", "stable", 1),
        ("unlabel", "canary", None),
    ]
    assert version_catalogue.history("mail", models=models_folder) == []


def test_a_worse_version_needs_force_and_the_history_says_so(models_folder: Path) -> None:
    tfapp.promote("news", 2, models=models_folder, check=_accept)
    with pytest.raises(
        RegistryError, match=r"not promoted to stable: its accuracy is 0.8000, that of version 2 is 0.9"
    ):
        tfapp.promote("news", 3, models=models_folder, check=_accept)
    # Another label is compared with the version that has it.
    tfapp.promote("news", 3, label="canary", models=models_folder, check=_accept)
    tfapp.promote("news", 3, models=models_folder, check=_accept, force=True)
    assert _labels(models_folder) == {"stable": 3, "canary": 3}
    assert version_catalogue.history(models=models_folder)[-1].note.startswith("forced: its accuracy is 0.8000")


def test_a_version_that_may_be_worse_by_chance_is_promoted_and_told(tmp_path: Path) -> None:
    for version, wrong_rows in ((1, [1]), (2, [2, 3]), (3, list(range(2, 12))), (4, [])):
        evaluation = {"rows": "others" if version == 4 else "same", "wrong": wrong_rows}
        metrics = {"texts": 100, "accuracy": 1 - len(wrong_rows) / 100}
        add_version(tmp_path, "news", version, task="classification", metrics=metrics, evaluation=evaluation)
    promote = partial(tfapp.promote, "news", models=tmp_path, check=_accept)
    promote(1)
    note = (
        "worse, perhaps by chance: accuracy 0.990 of version 1 and 0.980 of version 2 differ by 1 of 100 texts; "
        "version 1 alone is right on 2 texts, version 2 alone on 1: too few to tell which is better (exact McNemar "
        "test, p = 1)"
    )
    assert promote(2).note == note
    assert version_catalogue.history(models=tmp_path)[-1].note == note
    # Nothing is said of one that is better.
    assert promote(4).note == ""
    # Other texts, and more wrong than chance tells.
    with pytest.raises(ReleaseRefusedError, match=r"its accuracy is 0\.9800, that of version 4 is 1\.0000"):
        promote(2)
    promote(1, force=True)
    promote(2, label="other")
    with pytest.raises(ReleaseRefusedError, match=r"its accuracy is 0\.9000, that of version 1 is 0\.9900"):
        promote(3, label="stable")


def _write_unsettled(models: Path, name: str, stable: int, entry: str = "") -> None:
    """A file by hand or of an earlier tfapp: a `stable`, and no policy."""
    (models / registry.CONFIG_FILE).write_text(
        f'model_config_list {{ config {{ name: "{name}" base_path: "{models}/{name}" model_platform: "tensorflow" '
        f'{entry} version_labels {{ key: "stable" value: {stable} }} }} }}  # ours'
    )


def test_a_refused_promote_has_servers_load_what_labels_name(models_folder: Path) -> None:
    _write_unsettled(models_folder, "news", 2)
    old_callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (old_callers.with_label, old_callers.without_label) == ({"stable": None}, 3)
    assert old_callers.why == "models.config has no model_version_policy for news, and it is newer than stable"
    with pytest.raises(ReleaseRefusedError, match=r"not promoted to stable.* or give --force$") as excinfo:
        tfapp.promote("news", 3, models=models_folder, check=_accept)
    callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (excinfo.value.settled, _labels(models_folder)) == (True, {"stable": 2})
    assert (callers.with_label, callers.without_label, callers.warning) == ({"stable": 2}, 2, "")
    assert (models_folder / registry.CONFIG_FILE).read_text().endswith("  # ours")
    change = version_catalogue.history(models=models_folder)[-1]
    assert (change.action, change.note) == ("settle", "version 3 was not promoted")
    # Once is enough.
    with pytest.raises(ReleaseRefusedError) as excinfo:
        tfapp.promote("news", 3, models=models_folder, check=_accept)
    assert (excinfo.value.settled, version_catalogue.history(models=models_folder)[-1]) == (False, change)


def test_a_promote_that_is_refused_as_its_version_does_not_load_settles_too(models_folder: Path) -> None:
    def check(_name: str, version: int, _folder: Path) -> int:
        if version == 3:
            raise RegistryError("version 3 does not load")
        return 0

    _write_unsettled(models_folder, "news", 2)
    with pytest.raises(ReleaseRefusedError, match=r"^version 3 does not load$") as excinfo:
        tfapp.promote("news", 3, label="canary", models=models_folder, check=check)
    assert (excinfo.value.settled, LabelStore.open(models_folder).served_versions("news")) == (True, {2})


@pytest.mark.parametrize(
    "policy", ["all {}", "latest { num_versions: 2 }", "specific { versions: 2 versions: 3 }", "specific {}"]
)
def test_a_refused_promote_leaves_a_policy_of_somebodys_choice(models_folder: Path, policy: str) -> None:
    _write_unsettled(models_folder, "news", 2, f"model_version_policy {{ {policy} }}")
    content = (models_folder / registry.CONFIG_FILE).read_bytes()
    with pytest.raises(ReleaseRefusedError) as excinfo:
        tfapp.promote("news", 3, models=models_folder, check=_accept)
    assert (excinfo.value.settled, (models_folder / registry.CONFIG_FILE).read_bytes()) == (False, content)


def test_a_refused_promote_settles_a_list_that_an_earlier_tfapp_wrote(models_folder: Path) -> None:
    tfapp.promote("news", 2, models=models_folder, check=_accept)
    config = models_folder / registry.CONFIG_FILE
    config.write_text(config.read_text().replace("versions: 2", "versions: 2 versions: 3"))
    assert version_catalogue.caller_versions("news", models=models_folder).without_label == 3
    with pytest.raises(ReleaseRefusedError) as excinfo:
        tfapp.promote("news", 3, models=models_folder, check=_accept)
    callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (excinfo.value.settled, callers.with_label, callers.without_label) == (True, {"stable": 2}, 2)


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_a_version_that_is_not_there_leaves_no_list_of_an_earlier_tfapp(models_folder: Path, command: str) -> None:
    """Up to 0.1 a promote, and a rollback, listed the newest version on disk beside the labelled one."""
    tfapp.promote("news", 1, models=models_folder, check=_accept)
    config = models_folder / registry.CONFIG_FILE
    config.write_text(config.read_text().replace("versions: 1", "versions: 1 versions: 2"))
    assert version_catalogue.caller_versions("news", models=models_folder).without_label == 2
    move: Callable[..., Any] = partial(tfapp.promote, version=9) if command == "promote" else tfapp.rollback
    why = "has no version 9; it has: 1, 2, 3$" if command == "promote" else "no earlier version .* moves it anywhere$"
    with pytest.raises(ReleaseRefusedError, match=why) as excinfo:
        move("news", models=models_folder, check=_accept)
    callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (excinfo.value.settled, callers.with_label, callers.without_label) == (True, {"stable": 1}, 1)
    note = "version 9 was not promoted" if command == "promote" else "no version to go back to"
    change = version_catalogue.history(models=models_folder)[-1]
    assert (change.action, change.note, _labels(models_folder)) == ("settle", note, {"stable": 1})


def test_a_refused_promote_settles_nothing_on_a_stable_that_does_not_load(models_folder: Path) -> None:
    _write_unsettled(models_folder, "news", 2)
    content = (models_folder / registry.CONFIG_FILE).read_bytes()
    with pytest.raises(ReleaseRefusedError) as excinfo:
        tfapp.promote("news", 3, models=models_folder)
    assert re.search(r"give --force; what servers load is not settled, either: news version 2 does", str(excinfo.value))
    assert "\n" not in str(excinfo.value)
    assert (excinfo.value.settled, (models_folder / registry.CONFIG_FILE).read_bytes()) == (False, content)


def test_a_refused_promote_settles_the_file_though_a_server_is_away(models_folder: Path) -> None:
    _write_unsettled(models_folder, "news", 2)
    servers = Servers(("localhost:1",), timeout=0.2)
    with pytest.raises(
        ReleaseRefusedError, match=r"not promoted to stable.*not settled, either: localhost:1"
    ) as excinfo:
        tfapp.promote("news", 3, models=models_folder, check=_accept, servers=servers)
    assert excinfo.value.settled is False
    # No label is lost to a server that is away.
    assert (_labels(models_folder), LabelStore.open(models_folder).served_versions("news")) == ({"stable": 2}, {2})
    with pytest.raises(ReleaseRefusedError, match="not promoted to stable"):
        tfapp.promote("news", 3, models=models_folder, check=_accept, servers=Servers(("localhost:1",), token="secret"))


def test_a_candidate_that_fails_its_check_moves_nothing(models_folder: Path) -> None:
    with pytest.raises(RegistryError, match=r"news version 1 does not load and warm up: .*; export it anew") as excinfo:
        tfapp.promote("news", 1, models=models_folder)
    assert "\n" not in str(excinfo.value)
    assert not (models_folder / registry.CONFIG_FILE).exists()


@pytest.mark.parametrize("label", ["", "a b", "-x", "a/b", "ä", "a\n"])
def test_a_label_must_be_plain(models_folder: Path, label: str) -> None:
    with pytest.raises(RegistryError, match="must be letters, digits"):
        tfapp.promote("news", 1, label=label, models=models_folder, check=_accept)


def test_mistakes_are_told(models_folder: Path) -> None:
    with pytest.raises(RegistryError, match="news has no version 9; it has: 1, 2, 3"):
        tfapp.promote("news", 9, models=models_folder, check=_accept)
    with pytest.raises(RegistryError, match='no model new in it; did you mean "news"'):
        tfapp.rollback("new", models=models_folder)
    with pytest.raises(RegistryError, match="model news has no label stable; it has none"):
        tfapp.rollback("news", models=models_folder)
    tfapp.promote("news", 1, models=models_folder, check=_accept)
    with pytest.raises(RegistryError, match='no label stabel; did you mean "stable"'):
        release.unlabel("news", "stabel", models=models_folder)


def test_prune_tells_what_it_would_remove(models_folder: Path) -> None:
    tfapp.promote("news", 1, models=models_folder, check=_accept)
    would = tfapp.prune("news", keep=1, models=models_folder, dry_run=True)
    assert (would.versions, would.size > 20) == ((2,), True)
    assert registry.versions(models_folder, "news") == [1, 2, 3]
    assert tfapp.prune("news", keep=1, models=models_folder) == would
    assert registry.versions(models_folder, "news") == [1, 3]


def test_models_are_described(models_folder: Path) -> None:
    add_versions(models_folder, "mail", 5)
    tfapp.promote("news", 2, models=models_folder, check=_accept)
    mail, news = version_catalogue.describe(models_folder)
    assert (mail.name, dict(mail.labels), mail.served) == ("mail", {}, (5,))
    assert (news.name, dict(news.labels), news.served, news.labels_of(2)) == ("news", {"stable": 2}, (2,), ["stable"])
    assert [version.version for version in news.versions] == [1, 2, 3]


def test_the_released_version_is_stable_or_the_newest_that_is_served(models_folder: Path) -> None:
    def describe_release() -> tuple[int, bool]:
        (news,) = version_catalogue.describe(models_folder)
        return news.released.version, news.stable is not None

    assert describe_release() == (3, False)
    tfapp.promote("news", 2, models=models_folder, check=_accept)
    tfapp.promote("news", 3, label="canary", models=models_folder, check=_accept)
    assert describe_release() == (2, True)
    release.unlabel("news", "canary", models=models_folder)
    release.unlabel("news", "stable", models=models_folder)
    assert describe_release() == (2, False)
    config = LabelStore.open(models_folder).config
    config.write_text(config.read_text().replace("versions: 2", ""))
    assert describe_release() == (3, False)


def test_versions_are_compared(tmp_path: Path) -> None:
    write_classifier(tmp_path, "news", 1)
    write_classifier(tmp_path, "news", 2, multi_label=True)
    # What other tasks read stood there once.
    settings_by_version = {
        1: "[model]\nmax_windows = 64\n[model.masking]\nshare = 0.15\n[data]\nquery = 'query'",
        2: "",
    }
    for version, labels in ((1, ["a", "b"]), (2, ["b", "c"])):
        metadata = {
            "labels": labels,
            "task": "classification",
            "settings": f"[training]\nepochs = {version}\n{settings_by_version[version]}",
            "metrics": {"accuracy": version / 10},
            "data": {"fingerprint": f"f{version}", "train_rows": 7},
        }
        record(tmp_path / "news" / str(version), **metadata)
    comparison = version_catalogue.compare("news", 1, 2, models=tmp_path)
    assert comparison.settings == {"training.epochs": [1, 2]}
    assert comparison.metrics == {"accuracy": [0.1, 0.2]}
    assert comparison.data == {"fingerprint": ["f1", "f2"]}
    assert (comparison.labels_added, comparison.labels_removed) == (["c"], ["a"])
    assert comparison.signatures == {"serving_default out chosen": [None, "bool [?, 3]"]}
    assert comparison.size[0] > 1000
    (tmp_path / "news" / "2" / "saved_model.pb").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match=r"saved_model\.pb cannot be read"):
        version_catalogue.compare("news", 1, 2, models=tmp_path)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in (1, 2):
        write_numbers(tmp_path, version)
    return tmp_path


@contextmanager
def _configured(models: Path, poll: float) -> Iterator[ModelServer]:
    settings = ServerSettings(
        port=0,
        model_config_file_poll_wait_seconds=poll,
        file_system_poll_wait_seconds=0.05,
        allow_version_labels_for_unavailable_models=True,
        allow_reload=True,
    )
    server = configured_server(models / registry.CONFIG_FILE, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _answering_version(server: ModelServer, label: str | None = None) -> int:
    with server.manager.use("numbers", label=label) as servable:
        return servable.version


def test_what_was_not_promoted_or_was_rolled_back_reaches_nobody(models: Path) -> None:
    for version, accuracy in ((1, 0.9), (2, 0.8)):
        record(models / "numbers" / str(version), metrics={"accuracy": accuracy})
    settings = ServerSettings(file_system_poll_wait_seconds=0.05)
    tfapp.promote("numbers", 1, models=models)
    with running_server(models, settings=settings, port=0) as server:
        servers = Servers((server.address,), timeout=60)
        with pytest.raises(RegistryError, match="not promoted to stable"):
            tfapp.promote("numbers", 2, models=models, servers=servers)
        assert server.manager.available() == {"numbers": [1]}
        tfapp.promote("numbers", 2, models=models, servers=servers, force=True)
        assert (_answering_version(server), server.manager.available()) == (2, {"numbers": [2]})
        tfapp.rollback("numbers", models=models, servers=servers)
        assert (_answering_version(server), server.manager.available()) == (1, {"numbers": [1]})
        # A newer canary is for callers without a label, too, until it is over.
        tfapp.promote("numbers", 2, label="canary", models=models, servers=servers)
        assert (_answering_version(server), _answering_version(server, "stable")) == (2, 1)
        # The applications' vectors are of the release.
        with Client(server.address) as client:
            assert released_version(client, "numbers") == 1
        release.unlabel("numbers", "canary", models=models, servers=servers)
        assert (_answering_version(server), server.manager.available()) == (1, {"numbers": [1]})


@pytest.mark.parametrize("way", ["file", "poll", "reload"])
def test_a_refused_promote_settles_running_servers_without_losing_a_request(models: Path, way: str) -> None:
    for version, accuracy in ((1, 0.9), (2, 0.8)):
        record(models / "numbers" / str(version), metrics={"accuracy": accuracy})
    _write_unsettled(models, "numbers", 1)
    with _configured(models, poll=0 if way == "reload" else 0.05) as server:
        assert server.manager.available() == {"numbers": [2]}
        servers = Servers((server.address,), reload=way == "reload", timeout=60)
        with (
            Load(server.address, callers=_CALLERS, label="") as load,
            pytest.raises(ReleaseRefusedError, match=r"give --force$"),
        ):
            tfapp.promote("numbers", 2, models=models, check=_accept, servers=None if way == "file" else servers)
        if way == "file":
            servers.wait_for_unload("numbers", [2], models)
        assert (_answering_version(server), _answering_version(server, "stable")) == (1, 1)
        assert server.manager.available() == {"numbers": [1]}
    assert load.lost == []


def test_a_canary_that_was_rolled_back_reaches_nobody_without_a_stable_either(models: Path) -> None:
    settings = ServerSettings(file_system_poll_wait_seconds=0.05)
    with running_server(models, settings=settings, port=0) as server:
        servers = Servers((server.address,), timeout=60)
        for version in (1, 2):
            tfapp.promote("numbers", version, label="canary", models=models, servers=servers)
        assert _answering_version(server) == 2
        tfapp.rollback("numbers", label="canary", models=models, servers=servers)
        assert (_answering_version(server), server.manager.available()) == (1, {"numbers": [1]})
        assert version_catalogue.caller_versions("numbers", models=models).without_label == 1


def test_a_policy_that_serves_all_versions_is_told(models_folder: Path) -> None:
    store = LabelStore.open(models_folder)
    store.config.write_text(
        f'model_config_list {{ config {{ name: "news" base_path: "{models_folder}/news" model_platform: "tensorflow" '
        "model_version_policy { all {} } } }"
    )
    assert version_catalogue.caller_versions("news", models=models_folder).remark == ""
    tfapp.promote("news", 2, models=models_folder, check=_accept)
    callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (callers.without_label, callers.why) == (3, "models.config serves all versions, and it is newer than stable")
    assert callers.remark == (
        "models.config serves all versions of news: 1, 3 stay loaded, though no label names them; write specific "
        "{ versions: 2 } there instead of all {} to serve what labels name alone"
    )
    # What it says to write does what it says.
    store.config.write_text(store.config.read_text().replace("all {}", "specific { versions: 2 }"))
    callers = version_catalogue.caller_versions("news", models=models_folder)
    assert (callers.without_label, callers.loaded, callers.remark) == (2, {2}, "")


@pytest.mark.parametrize("with_servers", [False, True])
def test_the_first_label_interrupts_nobody(models: Path, with_servers: bool) -> None:
    settings = ServerSettings(file_system_poll_wait_seconds=0.05)
    with running_server(models, settings=settings, port=0) as server:
        servers = Servers((server.address,), timeout=60)
        with Load(server.address, callers=_CALLERS, label="") as load:
            tfapp.promote("numbers", 1, models=models, servers=servers if with_servers else None)
            servers.wait_for_label("numbers", "stable", 1, models)
            servers.wait_for_unload("numbers", [2], models)
            load.wait_for(50)
        assert server.manager.available() == {"numbers": [1]}
    assert load.lost == []
    assert set(load.answers) == {1.0, 2.0}


@pytest.mark.parametrize("reload", [False, True])
def test_servers_of_the_file_take_a_version_without_losing_a_request(models: Path, reload: bool) -> None:
    tfapp.promote("numbers", 1, models=models)
    with _configured(models, poll=0 if reload else 0.05) as server:
        assert server.manager.available() == {"numbers": [1]}
        servers = Servers((server.address,), reload=reload, timeout=60)
        with Load(server.address, callers=_CALLERS) as load:
            tfapp.promote("numbers", 2, models=models, servers=servers)
            load.wait_for(50)
            tfapp.rollback("numbers", models=models, servers=servers)
            load.wait_for(50)
        with server.manager.use("numbers", label="stable") as servable:
            assert servable.version == 1
    assert load.lost == []
    assert set(load.answers) == {1.0, 2.0}


def test_a_served_folder_takes_labels_at_once_without_losing_a_request(models: Path) -> None:
    tfapp.promote("numbers", 1, models=models)
    settings = ServerSettings(file_system_poll_wait_seconds=0.05)
    with running_server(models, settings=settings, port=0) as server:
        assert server.manager.available() == {"numbers": [1]}
        with Load(server.address, callers=_CALLERS) as load:
            tfapp.promote("numbers", 2, models=models)
            Servers((server.address,), timeout=60).wait_for_label("numbers", "stable", 2, models)
            load.wait_for(50)
            tfapp.rollback("numbers", models=models)
            Servers((server.address,), timeout=60).wait_for_label("numbers", "stable", 1, models)
            load.wait_for(50)
            write_numbers(models, 3)
            assert tfapp.prune("numbers", keep=1, models=models).versions == (2,)
            load.wait_for(50)
        assert wait_for_state(server.manager, "numbers", 2, State.END, 60)
        assert server.manager.available() == {"numbers": [1]}
    assert load.lost == []
    assert set(load.answers) == {1.0, 2.0}


def test_a_file_that_a_server_refuses_is_mended_by_a_promote_with_the_server(models: Path) -> None:
    tfapp.promote("numbers", 1, models=models)
    with _configured(models, poll=0.05) as server:
        # In one step: the server has no version 2 yet, and takes nothing of the file.
        tfapp.promote("numbers", 2, models=models)
        tfapp.promote("numbers", 2, models=models, servers=Servers((server.address,), timeout=60))
        assert _answering_version(server, "stable") == 2
        # Once more: there is nothing to load, and the label goes back nowhere.
        history = version_catalogue.history(models=models)
        tfapp.promote("numbers", 2, models=models, servers=Servers((server.address,), reload=True, timeout=60))
        assert version_catalogue.history(models=models) == history


def test_a_version_that_a_server_does_not_come_to_have_is_taken_back(models: Path) -> None:
    tfapp.promote("numbers", 1, models=models)
    content = parse((models / registry.CONFIG_FILE).read_text())
    with _configured(models, poll=0) as server:
        servers = Servers((server.address,), timeout=0.3)
        with pytest.raises(RegistryError, match=r"has no numbers version 2 that takes requests after 0.3 s.*--reload"):
            tfapp.promote("numbers", 2, models=models, servers=servers)
    assert parse((models / registry.CONFIG_FILE).read_text()) == content
    assert [change.action for change in version_catalogue.history(models=models)][-2:] == ["load", "unload"]


def test_a_first_promote_that_a_server_refuses_leaves_the_newest_to_go_live(models: Path) -> None:
    servers = Servers(("localhost:1",), reload=True, timeout=0.2)
    with pytest.raises(RegistryError, match="localhost:1 does not take "):
        tfapp.promote("numbers", 1, models=models, servers=servers)
    store = LabelStore.open(models)
    assert (store.model("numbers").has_policy, store.served_versions("numbers")) == (False, {2})
    write_numbers(models, 3)
    assert store.served_versions("numbers") == {3}
    assert [change.action for change in version_catalogue.history(models=models)] == ["load", "unload"]


def test_a_server_that_cannot_be_reached_or_called(models: Path) -> None:
    with pytest.raises(RegistryError, match=r"localhost:1 has no numbers version 2"):
        tfapp.promote("numbers", 2, models=models, servers=Servers(("localhost:1",), timeout=0.2))
    history = version_catalogue.history(models=models)
    for reload in (False, True):
        uncallable = Servers(("localhost:1",), token="secret", reload=reload)
        with pytest.raises(SettingsError, match="a token would travel in plain text"):
            tfapp.promote("numbers", 2, models=models, servers=uncallable)
    assert version_catalogue.history(models=models) == history
    with pytest.raises(RegistryError, match="localhost:1 does not take "):
        tfapp.promote("numbers", 2, models=models, servers=Servers(("localhost:1",), reload=True, timeout=0.2))
    # Version 2 was served before, being the newest, and so it stays.
    assert LabelStore.open(models).served_versions("numbers") == {2}


def test_what_was_served_before_is_not_said_to_be_unloaded(models: Path) -> None:
    tfapp.promote("numbers", 1, label="canary", models=models)
    history = version_catalogue.history(models=models)
    with pytest.raises(RegistryError, match="localhost:1 does not take "):
        tfapp.promote("numbers", 2, models=models, servers=Servers(("localhost:1",), reload=True, timeout=0.2))
    assert version_catalogue.history(models=models) == history
