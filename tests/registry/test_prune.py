from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.registry.fake_versions import add_versions, parse
from tfapp import registry
from tfapp.errors import RegistryError
from tfapp.registry import LabelStore


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return LabelStore.open(add_versions(tmp_path, "news", 1, 2, 3, 4, 5, 6))


def _promote(store: LabelStore, version: int, label: str = "stable") -> None:
    store.set_label("news", label, version, "promote", expected=store.model("news").labels.get(label))


def test_the_newest_stay_and_the_rest_goes(store: LabelStore) -> None:
    assert registry.prunable(store, "news", 2) == [1, 2, 3, 4]
    assert registry.prune(store, "news", 2) == [1, 2, 3, 4]
    assert registry.versions(store.models, "news") == [5, 6]
    assert [change.versions for change in store.changes()] == [(1, 2, 3, 4)]
    # There was no label: no file is needed.
    assert not store.config.exists()
    assert registry.prune(store, "news", 2) == []
    assert len(store.changes()) == 1


def test_labelled_versions_and_those_to_go_back_to_stay(store: LabelStore) -> None:
    for version in (1, 2, 3):
        _promote(store, version)
    _promote(store, 4, "canary")
    store.config.write_text(store.config.read_text().replace("versions: 3", "versions: 1 versions: 3"))
    # Not 2, which a rollback goes to, nor 3 and 4, which are labelled.
    assert registry.prune(store, "news", 1) == [1, 5]
    assert registry.versions(store.models, "news") == [2, 3, 4, 6]
    (item,) = parse(store.config.read_text()).model_config_list.config
    assert list(item.model_version_policy.specific.versions) == [3, 4]


def test_the_newest_that_is_served_stays(store: LabelStore) -> None:
    _promote(store, 1, "first")
    add_versions(store.models, "news", 7, 8)
    # Callers without a label get 6, as before.
    assert store.served_versions("news") == {1, 6}
    assert registry.prune(store, "news", 1) == [2, 3, 4, 5, 7]
    assert store.served_versions("news") == {1, 6}


def test_a_version_is_labelled_while_it_is_to_be_pruned(store: LabelStore) -> None:
    versions = registry.prunable(store, "news", 1)
    _promote(store, 2)
    with store.pruning("news", versions) as free:
        assert free == [1, 3, 4, 5]


def test_what_a_killed_prune_left_is_swept_and_a_number_in_two_folders_goes_in_both(store: LabelStore) -> None:
    (store.models / ".pruned-news-9-1-abc" / "variables").mkdir(parents=True)
    (store.models / "news" / "001").mkdir()
    registry.prune(store, "news", 5)
    assert registry.versions(store.models, "news") == [2, 3, 4, 5, 6]
    assert list(store.models.glob(".pruned-*")) == []


def test_mistakes_are_told(store: LabelStore) -> None:
    with pytest.raises(RegistryError, match="keep must be 1 or more, got 0"):
        registry.prune(store, "news", 0)
    with pytest.raises(RegistryError, match='no model nes in it; did you mean "news"'):
        registry.prune(store, "nes", 1)
    assert registry.versions(store.models, "news") == [1, 2, 3, 4, 5, 6]


def test_a_version_that_is_a_link_is_unlinked_and_what_it_points_at_stays(store: LabelStore, tmp_path: Path) -> None:
    elsewhere = add_versions(tmp_path / "elsewhere", "news", 2) / "news" / "2"
    paths = sorted(elsewhere.rglob("*"))
    shutil.rmtree(store.models / "news" / "2")
    (store.models / "news" / "2").symlink_to(elsewhere)
    assert registry.prune(store, "news", 4) == [1, 2]
    assert registry.versions(store.models, "news") == [3, 4, 5, 6]
    assert list(store.models.glob(".pruned-*")) == []
    assert sorted(elsewhere.rglob("*")) == paths != []
