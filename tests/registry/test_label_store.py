from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from tests.processes import wait_for
from tests.registry.fake_versions import add_versions, parse
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry import LabelStore
from tfapp.registry.history import labels_after


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return LabelStore.open(add_versions(tmp_path / "models", "news", 1, 2, 3, 4))


def _promote(store: LabelStore, version: int, label: str = "stable") -> None:
    store.set_label("news", label, version, "promote", expected=store.model("news").labels.get(label))


def _listed_versions(store: LabelStore) -> list[int]:
    (item,) = parse(store.config.read_text()).model_config_list.config
    assert item.model_version_policy.WhichOneof("policy_choice") == "specific"
    return list(item.model_version_policy.specific.versions)


def test_the_first_label_makes_the_file(store: LabelStore) -> None:
    assert store.served_versions("news") == {4}
    _promote(store, 2)
    (item,) = parse(store.config.read_text()).model_config_list.config
    assert (item.name, item.base_path, item.model_platform) == ("news", str(store.models / "news"), "tensorflow")
    assert dict(item.version_labels) == {"stable": 2}
    assert _listed_versions(store) == [2]


def test_with_a_stable_what_labels_name_is_served_and_nothing_else(store: LabelStore) -> None:
    add_versions(store.models, "mail", 1)
    _promote(store, 1)
    _promote(store, 2)
    assert _listed_versions(store) == [2]
    _promote(store, 3, "canary")
    assert _listed_versions(store) == [2, 3]
    _promote(store, 3)
    assert _listed_versions(store) == [3]
    add_versions(store.models, "news", 5)
    assert store.served_versions("news") == {3}
    # A version that is gone is nothing to go back to.
    (store.models / "news" / "2").rename(store.models / "gone")
    assert store.previous_version("news", "stable") == 1


def test_without_a_stable_callers_without_a_label_keep_what_they_have(store: LabelStore) -> None:
    _promote(store, 2, "canary")
    assert _listed_versions(store) == [2, 4]
    add_versions(store.models, "news", 5)
    _promote(store, 3, "canary")
    assert _listed_versions(store) == [3, 4]
    store.set_label("news", "canary", 2, "rollback", expected=3)
    assert _listed_versions(store) == [2, 4]
    _promote(store, 1)
    assert _listed_versions(store) == [1, 2]
    for label, version in (("stable", 1), ("canary", 2)):
        store.set_label("news", label, None, "unlabel", expected=version)
        assert _listed_versions(store) == [2]


def test_a_file_that_names_more_than_labels_do_is_settled_by_the_next_change(store: LabelStore) -> None:
    _promote(store, 2)
    store.config.write_text(store.config.read_text().replace("versions: 2", "versions: 1 versions: 2 versions: 4"))
    assert store.served_versions("news") == {1, 2, 4}
    _promote(store, 2, "canary")
    assert _listed_versions(store) == [2]


def test_settling_lets_go_what_no_label_names(store: LabelStore) -> None:
    assert store.unload_unlabelled("news") == []
    assert not store.config.exists()
    _promote(store, 3, "canary")
    store.set_label("news", "stable", 2, "promote", expected=None, unload_unlabelled=False)
    assert _listed_versions(store) == [2, 3, 4]
    assert store.unload_unlabelled("news") == [4]
    assert _listed_versions(store) == [2, 3]
    assert [(c.action, c.versions) for c in store.changes()][-1] == ("unload", (4,))
    assert store.unload_unlabelled("news") == []
    # A version that a label names is not dropped by mistake.
    with store.pruning("news", [2, 3]) as free:
        assert free == []
    assert _listed_versions(store) == [2, 3]


def test_what_was_rolled_back_from_is_served_no_more_unless_it_is_labelled(store: LabelStore) -> None:
    _promote(store, 1)
    _promote(store, 2)
    store.set_label("news", "stable", 1, "rollback", expected=2)
    assert _listed_versions(store) == [1]
    _promote(store, 2)
    _promote(store, 2, "canary")
    store.set_label("news", "stable", 1, "rollback", expected=2)
    assert _listed_versions(store) == [1, 2]


def test_settling_after_a_rollback_lets_go_what_was_rolled_back_from(store: LabelStore) -> None:
    """Whatever the label: without a `stable`, it is no longer for callers without a label, either."""
    _promote(store, 3, "canary")
    _promote(store, 4, "canary")
    assert store.stage_version("news", "canary", 3, expected=4).label_version == 4
    change = store.set_label("news", "canary", 3, "rollback", expected=4, unload_unlabelled=False)
    assert _listed_versions(store) == [3, 4]
    assert store.unload_unlabelled("news", change) == [4]
    assert _listed_versions(store) == [3]


def test_version_0_is_a_version(store: LabelStore) -> None:
    add_versions(store.models, "news", 0)
    _promote(store, 0)
    _promote(store, 1)
    assert store.previous_version("news", "stable") == 0
    assert 0 in store.protected_versions("news")
    assert _listed_versions(store) == [1]


def test_a_policy_that_serves_all_stays(store: LabelStore) -> None:
    store.config.write_text(
        'model_config_list { config { name: "news" base_path: "/elsewhere" model_platform: "tensorflow"\n'
        "  model_version_policy { all {} } # all of them\n} }"
    )
    _promote(store, 2)
    text = store.config.read_text()
    assert "model_version_policy { all {} } # all of them" in text
    assert 'base_path: "/elsewhere"' in text
    assert store.served_versions("news") == {1, 2, 3, 4}


def test_a_stable_without_a_policy_is_unsettled_and_settling_keeps_the_rest_of_the_file(store: LabelStore) -> None:
    content = (
        'model_config_list { config { name: "news" base_path: "/elsewhere" model_platform: "tensorflow"\n'
        '  version_labels { key: "stable" value: 2 } # ours\n  logging_config { } } }'
    )
    store.config.write_text(content)
    assert (store.unsettled_stable("news"), store.served_versions("news")) == (2, {4})
    store.set_label("news", "stable", 2, "settle", expected=2, note="why")
    assert (store.unsettled_stable("news"), store.served_versions("news")) == (None, {2})
    text = store.config.read_text()
    assert re.sub(r"\s*model_version_policy \{ specific \{ versions: 2 \} \}", "", text) == content
    assert [(c.action, c.before, c.after) for c in store.changes()][-1] == ("settle", 2, 2)
    assert store.previous_version("news", "stable") is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        'version_labels { key: "canary" value: 2 }',
        'version_labels { key: "stable" value: 9 }',
        'version_labels { key: "stable" value: 2 } model_version_policy { all {} }',
        'version_labels { key: "stable" value: 2 } model_version_policy { latest {} }',
        'version_labels { key: "stable" value: 2 } model_version_policy { specific { versions: 2 versions: 3 } }',
    ],
)
def test_a_policy_of_somebodys_choice_is_not_unsettled_nor_is_a_stable_that_is_not_there(
    store: LabelStore, entry: str
) -> None:
    store.config.write_text(f'model_config_list {{ config {{ name: "news" {entry} }} }}')
    assert store.unsettled_stable("news") is None


def test_a_list_that_an_earlier_tfapp_wrote_is_unsettled_while_its_newest_version_has_no_label(
    store: LabelStore,
) -> None:
    """Up to 0.1 a promote listed the newest version on disk, and the one that the label left, beside the labelled."""
    _promote(store, 2)
    text = store.config.read_text()
    assert store.unsettled_stable("news") is None
    store.config.write_text(text.replace("versions: 2", "versions: 2 versions: 4"))
    assert (store.unsettled_stable("news"), store.served_versions("news")) == (2, {2, 4})
    store.set_label("news", "stable", 2, "settle", expected=2)
    assert (store.unsettled_stable("news"), _listed_versions(store)) == (None, [2])
    # A version that is about to get its label is nobody's left-over.
    store.stage_version("news", "stable", 3, expected=2)
    assert store.unsettled_stable("news") is None
    # What is older than a labelled version reaches no caller without a label.
    store.config.write_text(text.replace("versions: 2", "versions: 1 versions: 2"))
    assert store.unsettled_stable("news") is None


def test_staging_serves_a_version_and_moves_no_label(store: LabelStore) -> None:
    _promote(store, 1)
    assert store.stage_version("news", "stable", 3, expected=1).label_version == 1
    assert (_listed_versions(store), dict(store.model("news").labels)) == ([1, 3], {"stable": 1})
    # Done again: nothing to do, nothing in the history.
    count = len(store.changes())
    assert store.stage_version("news", "stable", 3, expected=1).label_version == 1
    assert len(store.changes()) == count


def test_staging_takes_back_a_label_that_servers_have_refused(store: LabelStore) -> None:
    _promote(store, 1)
    _promote(store, 3)
    assert store.stage_version("news", "stable", 3, expected=3).label_version == 1
    assert store.model("news").labels == {"stable": 1}
    assert {1, 3} <= store.served_versions("news")
    assert store.previous_version("news", "stable") is None


def test_a_label_that_moved_meanwhile_is_not_moved(store: LabelStore) -> None:
    _promote(store, 1)
    content = store.config.read_bytes()
    with pytest.raises(RegistryError, match=r"moved to version 1 meanwhile \(it was at None\)"):
        store.set_label("news", "stable", 2, "promote", expected=None)
    with pytest.raises(RegistryError, match="has no version 9; it has: 1, 2, 3, 4"):
        store.set_label("news", "stable", 9, "promote", expected=1)
    assert store.config.read_bytes() == content


def test_labels_of_many_at_once_all_arrive(store: LabelStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _promote(store, n % 4 + 1, f"label-{n}"), range(24)))
    labels = {f"label-{n}": n % 4 + 1 for n in range(24)}
    assert dict(store.model("news").labels) == labels
    assert labels_after(store.changes(), "news") == labels
    assert len(store.changes()) == 24


def test_of_two_who_move_one_label_at_once_one_is_told(store: LabelStore) -> None:
    def move(version: int) -> str:
        try:
            store.set_label("news", "stable", version, "promote", expected=None)
        except RegistryError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        messages = list(pool.map(move, [1, 2, 3, 4]))
    assert sorted(map(bool, messages)) == [False, True, True, True]
    assert store.model("news").labels == {"stable": messages.index("") + 1}


def test_what_was_edited_by_hand_is_in_the_history(store: LabelStore) -> None:
    _promote(store, 1)
    store.config.write_text(store.config.read_text().replace("value: 1", "value: 2"))
    _promote(store, 3)
    assert [(c.action, c.before, c.after) for c in store.changes()] == [
        ("promote", None, 1),
        ("edit", 1, 2),
        ("promote", 2, 3),
    ]
    assert store.previous_version("news", "stable") == 2


def test_a_change_that_fails_between_file_and_history_is_in_both(store: LabelStore) -> None:
    _promote(store, 1)
    # In the way of the next history.
    block = store.config.with_name(f".{os.getpid()}.models.config.history.jsonl")
    block.mkdir()
    with pytest.raises(RegistryError, match="cannot be changed"):
        _promote(store, 2)
    block.rmdir()
    assert store.model("news").labels == {"stable": 2}
    assert [change.after for change in store.changes()] == [1, 2]
    _promote(store, 3)
    assert [(change.action, change.after) for change in store.changes()] == [("promote", n) for n in (1, 2, 3)]


def test_a_change_that_fails_before_the_file_is_in_neither(store: LabelStore) -> None:
    _promote(store, 1)
    block = store.config.with_name(f".{os.getpid()}.models.config")
    block.mkdir()
    with pytest.raises(RegistryError, match="cannot be changed"):
        _promote(store, 2)
    block.rmdir()
    assert store.model("news").labels == {"stable": 1}
    assert [change.after for change in store.changes()] == [1]
    _promote(store, 3)
    assert [change.after for change in store.changes()] == [1, 3]


_MOVES = """
import itertools, sys
from tfapp.registry import LabelStore
store = LabelStore.open(sys.argv[1])
for n in itertools.count():
    at = store.model("news").labels.get("stable")
    store.set_label("news", "stable", n % 4 + 1, "promote", expected=at)
"""


def test_whenever_a_command_is_killed_file_and_history_agree(store: LabelStore) -> None:
    for _ in range(4):
        count = len(store.changes())
        process = subprocess.Popen([sys.executable, "-c", _MOVES, str(store.models)], stderr=subprocess.PIPE)
        wait_for(lambda count=count: len(store.changes()) > count + 3, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        changes = store.changes()
        assert labels_after(changes, "news") == dict(store.model("news").labels)
        assert all(c.before == p.after for p, c in pairwise(changes))
    # Nobody is kept out by the dead, and nothing looks as if it had been made by hand.
    _promote(store, 1, "other")
    assert {change.action for change in store.changes()} == {"promote"}


def test_mode_and_link_of_the_file_stay(store: LabelStore, tmp_path: Path) -> None:
    _promote(store, 1)
    store.config.chmod(0o640)
    link = tmp_path / "link.config"
    link.symlink_to(store.config)
    link_store = LabelStore.open(store.models, link)
    _promote(link_store, 2)
    assert link.is_symlink()
    assert store.config.stat().st_mode & 0o777 == 0o640
    assert store.model("news").labels == {"stable": 2}


def test_a_malformed_file_is_told_and_stays(store: LabelStore) -> None:
    store.config.write_text("model_config_list {\n  confg {}\n}")
    with pytest.raises(SettingsError, match=re.escape(f"{store.config}, line 2")):
        _promote(store, 1)
    assert store.config.read_text() == "model_config_list {\n  confg {}\n}"


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b"null", b'{"sha256": "x"}', b'{"change": {"model": 1}}', b"\xff\xfe"]
)
def test_a_damaged_note_is_one_line_and_gone_when_it_is_removed(store: LabelStore, note: bytes) -> None:
    _promote(store, 2)
    file = store.config.with_name(f".{store.config.name}.pending")
    file.write_bytes(note)
    for look in (store.changes, lambda: _promote(store, 3)):
        with pytest.raises(RegistryError, match=r"pending: is no note of a change, .*; remove it: ") as excinfo:
            look()
        assert "\n" not in str(excinfo.value)
    file.unlink()
    _promote(store, 3)
    assert store.served_versions("news") >= {3}


_DIES = """
import os, signal, sys
from pathlib import Path
from tfapp.core.files import replacing
from tfapp.registry.transaction_log import TransactionLog
config = Path(sys.argv[1])
with TransactionLog(config).locked(), replacing(config) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_drafts_of_killed_commands_are_swept_by_the_next_change_and_no_others(store: LabelStore) -> None:
    _promote(store, 1)
    _promote(store, 2)
    folder = store.config.parent
    files = set(folder.iterdir())
    process = subprocess.run([sys.executable, "-c", _DIES, str(store.config)], check=False)
    assert process.returncode == -signal.SIGKILL
    drafts = {folder / f".12.{name}" for name in ("models.config.history.jsonl", ".models.config.pending")}
    other_drafts = {folder / ".13.other.config", folder / ".mine.models.config"}
    for draft in drafts | other_drafts:
        draft.touch()
    assert len(set(folder.iterdir()) - files - drafts - other_drafts) == 1
    _promote(store, 1)
    assert set(folder.iterdir()) == files | other_drafts
