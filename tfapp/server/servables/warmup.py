"""Runs a version's warm-up requests, so that its first caller does not wait for one-time work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tfapp.core.datasets import without_autotune
from tfapp.server.servables import classify_regress
from tfapp.server.servables.predict import predict
from tfapp.server.servables.servable import Servable

__all__ = ["warm_up"]

# tensorflow_serving/servables/tensorflow/saved_model_warmup_util.h
_MOST: Final = 1000
_CALLS: Final[dict[str, Callable[[Servable, Any], Any]]] = {
    "predict_log": predict,
    "classify_log": classify_regress.classify,
    "regress_log": classify_regress.regress,
    "multi_inference_log": classify_regress.multi_inference,
}


def warm_up(servable: Servable, folder: Path) -> int:
    """Runs the requests of `assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLog, and counts them.

    Raises:
        RequestError: One of them failed.
        ValueError: There are more than 1000, or one is of a kind that cannot be run.
        tf.errors.DataLossError: The file is damaged.
    """
    file = folder / contract.WARMUP_FILE
    if not file.exists():
        return 0
    count = 0
    for record in without_autotune(tf.data.TFRecordDataset(str(file))).as_numpy_iterator():
        count += 1
        if count > _MOST:
            raise ValueError(f"Number of warmup records exceeds the maximum ({_MOST}); please reduce it")
        log = prediction_log_pb2.PredictionLog.FromString(record)
        kind = log.WhichOneof("log_type")
        if kind not in _CALLS:
            raise ValueError(f"Unsupported log_type for warmup: {kind}")
        _CALLS[kind](servable, getattr(log, kind).request)
    return count
