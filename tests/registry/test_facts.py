from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfapp_client import contract

from tests.registry.shelf import add_version
from tfapp.registry import changed, read_facts, why_worse

_METRICS = {"evaluated_on": "test split", "texts": 405, "accuracy": 0.97, "macro_f1": 0.96, "loss": 0.1}


def _metadata(**metrics: Any) -> dict[str, Any]:
    return {"task": "classification", "labels": ["a", "b"], "metrics": metrics}


def test_what_is_on_record(tmp_path: Path) -> None:
    settings = 'name = "news"\n[training]\nepochs = 2\n'
    add_version(tmp_path, "news", 3, **(_metadata(**_METRICS) | {"settings": settings, "data": {"fingerprint": "f"}}))
    facts = read_facts(tmp_path, "news", 3)
    assert (facts.task, facts.labels, facts.data) == ("classification", ["a", "b"], {"fingerprint": "f"})
    assert facts.score == ("accuracy", 0.97)
    assert facts.settings == {"name": "news", "training.epochs": 2}
    files = [path for path in facts.path.rglob("*") if path.is_file()]
    assert facts.size == sum(len(path.read_bytes()) for path in files) > 30
    assert facts.exported.endswith("+00:00")


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"metrics": 3, "settings": "=", "data": null}'])
def test_a_model_of_others_has_nothing_on_record(tmp_path: Path, text: str | None) -> None:
    folder = add_version(tmp_path, "theirs", 1)
    if text is not None:
        (folder / contract.METADATA_FILE).write_text(text)
    facts = read_facts(tmp_path, "theirs", 1)
    assert (facts.score, facts.metrics, facts.settings, facts.data, facts.labels) == (None, {}, {}, {}, [])


@pytest.mark.parametrize(
    ("candidate", "current", "reason"),
    [
        (_metadata(accuracy=0.97), _metadata(accuracy=0.97), ""),
        (_metadata(accuracy=0.98), _metadata(accuracy=0.97, loss=0.1), ""),
        (_metadata(texts=9, loss=0.2, accuracy=0.97), _metadata(texts=8, loss=0.1, accuracy=0.96), ""),
        (_metadata(accuracy=0.96), _metadata(accuracy=0.97), "its accuracy is 0.9600, that of version 1 is 0.9700"),
        (_metadata(), _metadata(accuracy=0.97), "it has no metrics on record, version 1 has accuracy 0.9700"),
        (_metadata(accuracy=0.5), _metadata(), ""),
        (_metadata(macro_f1=0.99), _metadata(accuracy=0.9), "its metric is macro_f1, that of version 1 is accuracy"),
        (_metadata() | {"task": "ranking"}, _metadata(), "its task is ranking, that of version 1 is classification"),
        ({}, {}, ""),
    ],
)
def test_worse_by_what_is_on_record(
    tmp_path: Path, candidate: dict[str, Any], current: dict[str, Any], reason: str
) -> None:
    add_version(tmp_path, "news", 1, **current)
    add_version(tmp_path, "news", 2, **candidate)
    assert why_worse(read_facts(tmp_path, "news", 2), read_facts(tmp_path, "news", 1)) == reason


def test_changed_entries() -> None:
    assert changed({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}) == {"b": [2, 5], "c": [3, None], "d": [None, 4]}
