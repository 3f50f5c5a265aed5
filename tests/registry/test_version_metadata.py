from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfapp_client import contract

from tests.registry.fake_versions import add_version
from tfapp.registry import read_version_metadata

_METRICS = {"evaluated_on": "test split", "texts": 405, "accuracy": 0.97, "macro_f1": 0.96, "loss": 0.1}


def _metadata(**metrics: Any) -> dict[str, Any]:
    return {"task": "classification", "labels": ["a", "b"], "metrics": metrics}


def test_what_is_on_record(tmp_path: Path) -> None:
    settings = 'name = "news"\n[training]\nepochs = 2\n'
    add_version(tmp_path, "news", 3, **(_metadata(**_METRICS) | {"settings": settings, "data": {"fingerprint": "f"}}))
    metadata = read_version_metadata(tmp_path, "news", 3)
    assert (metadata.task, metadata.labels, metadata.data) == ("classification", ["a", "b"], {"fingerprint": "f"})
    assert metadata.score == ("accuracy", 0.97)
    assert metadata.settings == {"name": "news", "training.epochs": 2}
    files = [path for path in metadata.path.rglob("*") if path.is_file()]
    assert metadata.size == sum(len(path.read_bytes()) for path in files) > 30
    assert metadata.exported.endswith("+00:00")


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"metrics": 3, "settings": "=", "data": null}'])
def test_a_model_of_others_has_nothing_on_record(tmp_path: Path, text: str | None) -> None:
    folder = add_version(tmp_path, "theirs", 1)
    if text is not None:
        (folder / contract.METADATA_FILE).write_text(text)
    metadata = read_version_metadata(tmp_path, "theirs", 1)
    assert (metadata.score, metadata.metrics, metadata.settings, metadata.data, metadata.labels) == (
        None,
        {},
        {},
        {},
        [],
    )
