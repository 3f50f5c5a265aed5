from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp import registry
from tfapp.errors import RegistryError
from tfapp.registry.versions import next_version


def _folders(base: Path, *names: str) -> Path:
    for name in names:
        (base / name).mkdir(parents=True)
    return base


def test_folders_with_versions_are_models(tmp_path: Path) -> None:
    _folders(tmp_path, "news/1", "news/00003", "news/x", "mail/7", "empty", "only-words/one", ".staging-a/1")
    (tmp_path / "news" / "9").write_text("a file, not a folder")
    (tmp_path / "file").write_text("")
    assert registry.models(tmp_path) == ["mail", "news"]
    assert registry.versions(tmp_path, "news") == [1, 3]
    assert registry.latest(tmp_path, "news") == 3
    assert next_version(tmp_path, "news") == 4
    assert registry.version_folder(tmp_path, "news", 3).name == "00003"
    assert next_version(tmp_path, "unknown") == 1
    (tmp_path / "itself").symlink_to("itself")
    assert registry.versions(tmp_path, "itself") == []
    assert registry.models(tmp_path) == ["mail", "news"]


@pytest.mark.parametrize("name", ["-1", "+1", "1.0", " 1", "1 ", "0x1", "١", "²", "1_0", "9223372036854775808"])
def test_only_plain_digits_are_a_version(tmp_path: Path, name: str) -> None:
    assert registry.versions(_folders(tmp_path, f"m/{name}"), "m") == []


def test_of_two_folders_for_one_number_the_plain_one_counts(tmp_path: Path) -> None:
    _folders(tmp_path, "m/1", "m/001")
    assert registry.versions(tmp_path, "m") == [1]
    assert registry.version_folder(tmp_path, "m", 1).name == "1"


def test_errors_name_the_way_out(tmp_path: Path) -> None:
    _folders(tmp_path, "models/news/1")
    models = tmp_path / "models"
    with pytest.raises(RegistryError, match="no such models folder; `tfapp export"):
        registry.models(tmp_path / "nowhere")
    with pytest.raises(RegistryError, match='no model new in it; did you mean "news"'):
        registry.latest(models, "new")
    with pytest.raises(RegistryError, match="model news has no version 5; it has: 1"):
        registry.version_folder(models, "news", 5)
    with pytest.raises(RegistryError, match=f"it is a model's own folder: serve {models}"):
        registry.require_models(models / "news")
    (models / "news" / "1" / "saved_model.pb").touch()
    with pytest.raises(RegistryError, match=f"it is one version of a model: serve {models}"):
        registry.require_models(models / "news" / "1")
    with pytest.raises(RegistryError, match='no model nevs in it; did you mean "news"'):
        registry.require_models(models, ("nevs",))


@given(st.text(min_size=1))
def test_a_checked_name_is_one_visible_path_part(name: str) -> None:
    try:
        registry.check_name(name)
    except RegistryError:
        assert name.startswith(".") or set(name) & set("/\\\0[]*?")
    else:
        assert Path("models", name).parts == ("models", name)
