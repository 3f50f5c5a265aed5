"""Tests what is told of versions that servers load although a model has a `stable` and no label names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.fake_versions import add_versions
from tfapp.registry import CONFIG_FILE
from tfapp.registry.unlabelled_versions import promote_command, unlabelled_warnings


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return add_versions(tmp_path / "models", "news", 1, 2, 3)


def _warnings(models: Path, policy: str, stable: int = 2, *, config: Path | None = None, base: str = "news") -> str:
    file = config or models / CONFIG_FILE
    file.write_text(
        f'model_config_list {{ config {{ name: "news" base_path: "{models / base}" model_platform: "tensorflow" '
        f'{policy} version_labels {{ key: "stable" value: {stable} }} }} }}'
    )
    return "\n".join(unlabelled_warnings(file, {"news": [2, 3] if "all" in policy else [3]}, None))


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("", "models.config has no model_version_policy for news; `{}` has servers load what labels name alone"),
        (
            "model_version_policy { latest { num_versions: 1 } }",
            "models.config serves the newest versions; `{}` has servers load what labels name alone",
        ),
        (
            "model_version_policy { specific { versions: 3 } }",
            "models.config names it; `{}` has servers load what labels name alone",
        ),
        (
            "model_version_policy { all {} }",
            "models.config serves all versions of news: 3 stay loaded, though no label names them; write "
            "specific {{ versions: 2 }} there instead of all {{}} to serve what labels name alone",
        ),
    ],
)
def test_who_gets_the_newest_though_there_is_a_stable_is_told_with_the_way_out(
    models: Path, policy: str, why: str
) -> None:
    command = f"tfapp models promote news 2 --models {models}"
    message = "news: callers without a label get version 3 (the newest), though stable names version 2; "
    assert _warnings(models, policy) == message + why.format(command)


def test_nothing_is_told_where_callers_without_a_label_get_what_a_label_names(models: Path) -> None:
    assert _warnings(models, "", stable=3) == ""
    assert _warnings(models, 'version_labels { key: "canary" value: 3 }') == ""
    assert unlabelled_warnings(models / CONFIG_FILE, {}, None) == []


def test_the_way_out_fits_the_file(models: Path, tmp_path: Path) -> None:
    config = tmp_path / "our own.config"
    # A file elsewhere is named, and quoted for the shell.
    warning = _warnings(models, "", config=config)
    assert f"`tfapp models promote news 2 --models {models} --config '{config}'` has servers" in warning
    # A stable that is gone cannot be promoted, what is there can.
    warning = _warnings(models, "", stable=9)
    assert "though stable names version 9, which is not there; " in warning
    assert "`tfapp models promote news 3 --models" in warning
    # `tfapp models` finds no model whose folder has another name.
    add_versions(models, "other", 2, 3)
    warning = _warnings(models, "", base="other")
    assert warning.endswith(
        "write model_version_policy { specific { versions: 2 } } there to serve what labels name alone"
    )
    assert promote_command("news", 2, "models") == "tfapp models promote news 2"
