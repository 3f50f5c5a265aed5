from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tests.served_models import example, write_numbers
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.warmup import warm_up


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbers(tmp_path_factory.mktemp("models"), 1)


def _write(folder: Path, *records: bytes) -> None:
    file = folder / contract.WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record)


def _predict_log(**inputs: list[float]) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    # The name and version of where it was recorded do not matter.
    log.predict_log.request.model_spec.name = "another"
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString()


def test_every_kind_of_request_is_run(numbers: Path) -> None:
    classify, regress, multi = (prediction_log_pb2.PredictionLog() for _ in range(3))
    classify.classify_log.request.model_spec.signature_name = "classify"
    classify.classify_log.request.input.example_list.examples.append(example(x=1.0))
    regress.regress_log.request.model_spec.signature_name = "regress"
    regress.regress_log.request.input.example_list.examples.append(example(x=1.0))
    task = multi.multi_inference_log.request.tasks.add(method_name=contract.CLASSIFY_METHOD)
    task.model_spec.name, task.model_spec.signature_name = "numbers", "classify"
    multi.multi_inference_log.request.input.example_list.examples.append(example(x=1.0))
    _write(numbers, _predict_log(x=[1.0]), *(log.SerializeToString() for log in (classify, regress, multi)))
    assert warm_up(Servable("numbers", 1, numbers), numbers) == 4


def test_one_that_fails_fails_the_load(numbers: Path) -> None:
    _write(numbers, _predict_log(x=[1.0]), _predict_log(z=[1.0]))
    with pytest.raises(RequestError, match="Signature input alias: x"):
        warm_up(Servable("numbers", 1, numbers), numbers)


def test_too_many_are_refused(numbers: Path) -> None:
    _write(numbers, *[_predict_log(x=[1.0])] * 1001)
    with pytest.raises(ValueError, match="exceeds the maximum \\(1000\\)"):
        warm_up(Servable("numbers", 1, numbers), numbers)


def test_a_log_that_cannot_be_run_is_refused(numbers: Path) -> None:
    _write(numbers, prediction_log_pb2.PredictionLog().SerializeToString())
    with pytest.raises(ValueError, match="Unsupported log_type"):
        warm_up(Servable("numbers", 1, numbers), numbers)


def test_a_damaged_file_is_an_error(numbers: Path) -> None:
    (numbers / contract.WARMUP_FILE).write_bytes(b"no TFRecord at all, but long enough to look like one")
    with pytest.raises(tf.errors.DataLossError):
        warm_up(Servable("numbers", 1, numbers), numbers)


def test_none_is_fine(tmp_path: Path) -> None:
    folder = write_numbers(tmp_path, 1)
    assert warm_up(Servable("numbers", 1, folder), folder) == 0
