"""The requests that a server runs before it says that a model is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tfapp_client import contract

__all__ = ["warmup_columns", "write_warmup"]


def warmup_columns(inputs: Sequence[str], count: int, max_length: int) -> dict[str, list[str]]:
    """Makes rows from one word to more than a model reads, their lengths evenly spread on a logarithmic scale.

    Made ones, since a user's own texts have no place in a file that goes wherever the model goes. The inputs share a
    row's words.
    """
    words = np.geomspace(1, 2 * max_length, count).round().astype(int)
    return {name: [" ".join(["word"] * -(-number // len(inputs))) for number in words] for name in inputs}


def write_warmup(folder: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Writes one Predict request a row, and one of all rows, into a version's folder."""
    file = folder / contract.WARMUP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = len(next(iter(columns.values())))
    with tf.io.TFRecordWriter(str(file)) as writer:
        for part in (slice(None), *(slice(row, row + 1) for row in range(rows))):
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = contract.DEFAULT_SIGNATURE
            for name, texts in columns.items():
                some = list(texts[part])
                request.inputs[name].CopyFrom(tf.make_tensor_proto(some, tf.string, [len(some)]))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
