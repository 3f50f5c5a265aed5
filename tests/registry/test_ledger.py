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
from tests.registry.shelf import add_versions, parsed
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry import Ledger
from tfapp.registry.history import labels_after


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(add_versions(tmp_path / "models", "news", 1, 2, 3, 4))


def _promote(ledger: Ledger, version: int, label: str = "stable") -> None:
    ledger.point("news", label, version, "promote", expected=ledger.model("news").labels.get(label))


def _listed(ledger: Ledger) -> list[int]:
    (item,) = parsed(ledger.config.read_text()).model_config_list.config
    assert item.model_version_policy.WhichOneof("policy_choice") == "specific"
    return list(item.model_version_policy.specific.versions)


def test_the_first_label_makes_the_file(ledger: Ledger) -> None:
    assert ledger.served("news") == {4}
    _promote(ledger, 2)
    (item,) = parsed(ledger.config.read_text()).model_config_list.config
    assert (item.name, item.base_path, item.model_platform) == ("news", str(ledger.models / "news"), "tensorflow")
    assert dict(item.version_labels) == {"stable": 2}
    assert _listed(ledger) == [2]


def test_with_a_stable_what_labels_name_is_served_and_nothing_else(ledger: Ledger) -> None:
    add_versions(ledger.models, "mail", 1)
    _promote(ledger, 1)
    _promote(ledger, 2)
    assert _listed(ledger) == [2]
    _promote(ledger, 3, "canary")
    assert _listed(ledger) == [2, 3]
    _promote(ledger, 3)
    assert _listed(ledger) == [3]
    add_versions(ledger.models, "news", 5)
    assert ledger.served("news") == {3}
    # A version that is gone is nothing to go back to.
    (ledger.models / "news" / "2").rename(ledger.models / "gone")
    assert ledger.previous("news", "stable") == 1


def test_without_a_stable_callers_without_a_label_keep_what_they_have(ledger: Ledger) -> None:
    _promote(ledger, 2, "canary")
    assert _listed(ledger) == [2, 4]
    add_versions(ledger.models, "news", 5)
    _promote(ledger, 3, "canary")
    assert _listed(ledger) == [3, 4]
    ledger.point("news", "canary", 2, "rollback", expected=3)
    assert _listed(ledger) == [2, 4]
    _promote(ledger, 1)
    assert _listed(ledger) == [1, 2]
    for label, version in (("stable", 1), ("canary", 2)):
        ledger.point("news", label, None, "unlabel", expected=version)
        assert _listed(ledger) == [2]


def test_a_file_that_names_more_than_labels_do_is_settled_by_the_next_change(ledger: Ledger) -> None:
    _promote(ledger, 2)
    ledger.config.write_text(ledger.config.read_text().replace("versions: 2", "versions: 1 versions: 2 versions: 4"))
    assert ledger.served("news") == {1, 2, 4}
    _promote(ledger, 2, "canary")
    assert _listed(ledger) == [2]


def test_settling_lets_go_what_no_label_names(ledger: Ledger) -> None:
    assert ledger.settle("news") == []
    assert not ledger.config.exists()
    _promote(ledger, 3, "canary")
    ledger.point("news", "stable", 2, "promote", expected=None, settle=False)
    assert _listed(ledger) == [2, 3, 4]
    assert ledger.settle("news") == [4]
    assert _listed(ledger) == [2, 3]
    assert [(c.action, c.versions) for c in ledger.changes()][-1] == ("unload", (4,))
    assert ledger.settle("news") == []
    # A version that a label names is not dropped by mistake.
    ledger.drop("news", [2, 3], "unload")
    assert _listed(ledger) == [2, 3]


def test_what_was_rolled_back_from_is_served_no_more_unless_it_is_labelled(ledger: Ledger) -> None:
    _promote(ledger, 1)
    _promote(ledger, 2)
    ledger.point("news", "stable", 1, "rollback", expected=2)
    assert _listed(ledger) == [1]
    _promote(ledger, 2)
    _promote(ledger, 2, "canary")
    ledger.point("news", "stable", 1, "rollback", expected=2)
    assert _listed(ledger) == [1, 2]


def test_settling_after_a_rollback_lets_go_what_was_rolled_back_from(ledger: Ledger) -> None:
    """Whatever the label: without a `stable`, it is no longer for callers without a label, either."""
    _promote(ledger, 3, "canary")
    _promote(ledger, 4, "canary")
    assert ledger.stage("news", "canary", 3, expected=4) == 4
    moved = ledger.point("news", "canary", 3, "rollback", expected=4, settle=False)
    assert _listed(ledger) == [3, 4]
    assert ledger.settle("news", moved) == [4]
    assert _listed(ledger) == [3]


def test_version_0_is_a_version(ledger: Ledger) -> None:
    add_versions(ledger.models, "news", 0)
    _promote(ledger, 0)
    _promote(ledger, 1)
    assert ledger.previous("news", "stable") == 0
    assert 0 in ledger.protected("news")
    assert _listed(ledger) == [1]


def test_a_policy_that_serves_all_stays(ledger: Ledger) -> None:
    ledger.config.write_text(
        'model_config_list { config { name: "news" base_path: "/elsewhere" model_platform: "tensorflow"\n'
        "  model_version_policy { all {} } # all of them\n} }"
    )
    _promote(ledger, 2)
    text = ledger.config.read_text()
    assert "model_version_policy { all {} } # all of them" in text
    assert 'base_path: "/elsewhere"' in text
    assert ledger.served("news") == {1, 2, 3, 4}


def test_a_stable_without_a_policy_is_unsettled_and_settling_keeps_the_rest_of_the_file(ledger: Ledger) -> None:
    before = (
        'model_config_list { config { name: "news" base_path: "/elsewhere" model_platform: "tensorflow"\n'
        '  version_labels { key: "stable" value: 2 } # ours\n  logging_config { } } }'
    )
    ledger.config.write_text(before)
    assert (ledger.unsettled("news"), ledger.served("news")) == (2, {4})
    ledger.point("news", "stable", 2, "settle", expected=2, note="why")
    assert (ledger.unsettled("news"), ledger.served("news")) == (None, {2})
    text = ledger.config.read_text()
    assert re.sub(r"\s*model_version_policy \{ specific \{ versions: 2 \} \}", "", text) == before
    assert [(c.action, c.before, c.after) for c in ledger.changes()][-1] == ("settle", 2, 2)
    assert ledger.previous("news", "stable") is None


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
    ledger: Ledger, entry: str
) -> None:
    ledger.config.write_text(f'model_config_list {{ config {{ name: "news" {entry} }} }}')
    assert ledger.unsettled("news") is None


def test_staging_serves_a_version_and_moves_no_label(ledger: Ledger) -> None:
    _promote(ledger, 1)
    assert ledger.stage("news", "stable", 3, expected=1) == 1
    assert (_listed(ledger), dict(ledger.model("news").labels)) == ([1, 3], {"stable": 1})
    # Done again: nothing to do, nothing in the history.
    count = len(ledger.changes())
    assert ledger.stage("news", "stable", 3, expected=1) == 1
    assert len(ledger.changes()) == count


def test_staging_takes_back_a_label_that_servers_have_refused(ledger: Ledger) -> None:
    _promote(ledger, 1)
    _promote(ledger, 3)
    assert ledger.stage("news", "stable", 3, expected=3) == 1
    assert ledger.model("news").labels == {"stable": 1}
    assert {1, 3} <= ledger.served("news")
    assert ledger.previous("news", "stable") is None


def test_a_label_that_moved_meanwhile_is_not_moved(ledger: Ledger) -> None:
    _promote(ledger, 1)
    before = ledger.config.read_bytes()
    with pytest.raises(RegistryError, match=r"moved to version 1 meanwhile \(it was at None\)"):
        ledger.point("news", "stable", 2, "promote", expected=None)
    with pytest.raises(RegistryError, match="has no version 9; it has: 1, 2, 3, 4"):
        ledger.point("news", "stable", 9, "promote", expected=1)
    assert ledger.config.read_bytes() == before


def test_labels_of_many_at_once_all_arrive(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _promote(ledger, n % 4 + 1, f"label-{n}"), range(24)))
    wanted = {f"label-{n}": n % 4 + 1 for n in range(24)}
    assert dict(ledger.model("news").labels) == wanted
    assert labels_after(ledger.changes(), "news") == wanted
    assert len(ledger.changes()) == 24


def test_of_two_who_move_one_label_at_once_one_is_told(ledger: Ledger) -> None:
    def move(version: int) -> str:
        try:
            ledger.point("news", "stable", version, "promote", expected=None)
        except RegistryError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(move, [1, 2, 3, 4]))
    assert sorted(map(bool, told)) == [False, True, True, True]
    assert ledger.model("news").labels == {"stable": told.index("") + 1}


def test_what_was_edited_by_hand_is_in_the_history(ledger: Ledger) -> None:
    _promote(ledger, 1)
    ledger.config.write_text(ledger.config.read_text().replace("value: 1", "value: 2"))
    _promote(ledger, 3)
    assert [(c.action, c.before, c.after) for c in ledger.changes()] == [
        ("promote", None, 1),
        ("edit", 1, 2),
        ("promote", 2, 3),
    ]
    assert ledger.previous("news", "stable") == 2


def test_a_change_that_fails_between_file_and_history_is_in_both(ledger: Ledger) -> None:
    _promote(ledger, 1)
    # In the way of the next history.
    block = ledger.config.with_name(f".{os.getpid()}.models.config.history.jsonl")
    block.mkdir()
    with pytest.raises(RegistryError, match="cannot be changed"):
        _promote(ledger, 2)
    block.rmdir()
    assert ledger.model("news").labels == {"stable": 2}
    assert [change.after for change in ledger.changes()] == [1, 2]
    _promote(ledger, 3)
    assert [(change.action, change.after) for change in ledger.changes()] == [("promote", n) for n in (1, 2, 3)]


def test_a_change_that_fails_before_the_file_is_in_neither(ledger: Ledger) -> None:
    _promote(ledger, 1)
    block = ledger.config.with_name(f".{os.getpid()}.models.config")
    block.mkdir()
    with pytest.raises(RegistryError, match="cannot be changed"):
        _promote(ledger, 2)
    block.rmdir()
    assert ledger.model("news").labels == {"stable": 1}
    assert [change.after for change in ledger.changes()] == [1]
    _promote(ledger, 3)
    assert [change.after for change in ledger.changes()] == [1, 3]


_MOVES = """
import itertools, sys
from tfapp.registry import Ledger
ledger = Ledger.open(sys.argv[1])
for n in itertools.count():
    at = ledger.model("news").labels.get("stable")
    ledger.point("news", "stable", n % 4 + 1, "promote", expected=at)
"""


def test_whenever_a_command_is_killed_file_and_history_agree(ledger: Ledger) -> None:
    for _ in range(4):
        known = len(ledger.changes())
        process = subprocess.Popen([sys.executable, "-c", _MOVES, str(ledger.models)], stderr=subprocess.PIPE)
        wait_for(lambda known=known: len(ledger.changes()) > known + 3, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        changes = ledger.changes()
        assert labels_after(changes, "news") == dict(ledger.model("news").labels)
        assert all(c.before == p.after for p, c in pairwise(changes))
    # Nobody is kept out by the dead, and nothing looks as if it had been made by hand.
    _promote(ledger, 1, "other")
    assert {change.action for change in ledger.changes()} == {"promote"}


def test_mode_and_link_of_the_file_stay(ledger: Ledger, tmp_path: Path) -> None:
    _promote(ledger, 1)
    ledger.config.chmod(0o640)
    link = tmp_path / "link.config"
    link.symlink_to(ledger.config)
    linked = Ledger.open(ledger.models, link)
    _promote(linked, 2)
    assert link.is_symlink()
    assert ledger.config.stat().st_mode & 0o777 == 0o640
    assert ledger.model("news").labels == {"stable": 2}


def test_a_malformed_file_is_told_and_stays(ledger: Ledger) -> None:
    ledger.config.write_text("model_config_list {\n  confg {}\n}")
    with pytest.raises(SettingsError, match=re.escape(f"{ledger.config}, line 2")):
        _promote(ledger, 1)
    assert ledger.config.read_text() == "model_config_list {\n  confg {}\n}"


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b"null", b'{"sha256": "x"}', b'{"change": {"model": 1}}', b"\xff\xfe"]
)
def test_a_damaged_note_is_one_line_and_gone_when_it_is_removed(ledger: Ledger, note: bytes) -> None:
    _promote(ledger, 2)
    file = ledger.config.with_name(f".{ledger.config.name}.pending")
    file.write_bytes(note)
    for look in (ledger.changes, lambda: _promote(ledger, 3)):
        with pytest.raises(RegistryError, match=r"pending: is no note of a change, .*; remove it: ") as caught:
            look()
        assert "\n" not in str(caught.value)
    file.unlink()
    _promote(ledger, 3)
    assert ledger.served("news") >= {3}


_DIES = """
import os, signal, sys
from pathlib import Path
from tfapp.core.files import replacing
from tfapp.registry.journal import Journal
config = Path(sys.argv[1])
with Journal(config).locked(), replacing(config) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_drafts_of_killed_commands_are_swept_by_the_next_change_and_no_others(ledger: Ledger) -> None:
    _promote(ledger, 1)
    _promote(ledger, 2)
    folder = ledger.config.parent
    before = set(folder.iterdir())
    died = subprocess.run([sys.executable, "-c", _DIES, str(ledger.config)], check=False)
    assert died.returncode == -signal.SIGKILL
    left = {folder / f".12.{name}" for name in ("models.config.history.jsonl", ".models.config.pending")}
    others = {folder / ".13.other.config", folder / ".mine.models.config"}
    for draft in left | others:
        draft.touch()
    assert len(set(folder.iterdir()) - before - left - others) == 1
    _promote(ledger, 1)
    assert set(folder.iterdir()) == before | others
