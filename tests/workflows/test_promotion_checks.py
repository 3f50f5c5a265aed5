from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import codec, contract

from tests.registry.fake_versions import add_version
from tests.served_models import write_numbers
from tfapp.errors import RegistryError
from tfapp.registry import read_version_metadata
from tfapp.workflows.promotion_checks import check_loads, compare_metrics

ERROR = {"task": "regression", "lower_is_better": True}


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
        (ERROR | {"metrics": {"RMSE": 2.5}}, ERROR | {"metrics": {"RMSE": 3.5}}, ""),
        (
            ERROR | {"metrics": {"RMSE": 3.5}},
            ERROR | {"metrics": {"RMSE": 2.5}},
            "its RMSE is 3.5000, that of version 1 is 2.5000",
        ),
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


def test_a_check_loads_and_warms_up(tmp_path: Path) -> None:
    folder = write_numbers(tmp_path, 1)
    assert check_loads("numbers", 1, folder) == 0
    (folder / "assets.extra").mkdir(exist_ok=True)
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["x"].ParseFromString(codec.encode([1.0]).SerializeToString())
    _write_warmup(folder, log)
    assert check_loads("numbers", 1, folder) == 1
    log.predict_log.request.inputs["y"].CopyFrom(log.predict_log.request.inputs["x"])
    _write_warmup(folder, log)
    with pytest.raises(RegistryError, match="1 does not load and warm up: input size does not match signature"):
        check_loads("numbers", 1, folder)


def _write_warmup(folder: Path, log: Any) -> None:
    with tf.io.TFRecordWriter(str(folder / contract.WARMUP_FILE)) as writer:
        writer.write(log.SerializeToString())
