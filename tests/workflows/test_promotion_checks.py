from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.registry.fake_versions import add_version
from tfapp.registry import read_version_metadata
from tfapp.workflows.promotion_checks import compare_metrics


def _metadata(**metrics: Any) -> dict[str, Any]:
    return {"task": "classification", "labels": ["a", "b"], "metrics": metrics}


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
    assert (
        compare_metrics(read_version_metadata(tmp_path, "news", 2), read_version_metadata(tmp_path, "news", 1))
        == reason
    )
