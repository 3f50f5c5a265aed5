from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from tfapp.assets import home, is_pulled, path, pull
from tfapp.errors import AssetError


def test_home_is_the_variable_else_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TFAPP_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.setenv("TFAPP_HOME", "~/models")
    assert home() == Path.home() / "models"
    monkeypatch.setenv("TFAPP_HOME", "")
    assert home() == platformdirs.user_cache_path("tfapp")


def test_path_tells_how_to_bring_what_is_missing(local_index, tmp_path):
    with pytest.raises(AssetError, match="news is not in the cache folder yet; bring it with `tfapp assets pull news`"):
        path("news", home=tmp_path, entries=local_index.entries)
    assert not is_pulled("news", home=tmp_path, entries=local_index.entries)


def test_path_is_where_pull_put_it(local_index, tmp_path):
    folder = pull("news", home=tmp_path, index=local_index.index(), entries=local_index.entries)
    assert path("news", home=tmp_path, entries=local_index.entries) == folder
    assert is_pulled("news", home=tmp_path, entries=local_index.entries)
    assert folder.parent == tmp_path / "datasets" / "news"


def test_an_unknown_name_has_no_path(local_index, tmp_path):
    with pytest.raises(AssetError, match='did you mean "news"'):
        path("newss", home=tmp_path, entries=local_index.entries)
