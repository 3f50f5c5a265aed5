from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2
from tfapp_client import Client, codec
from tfapp_client.errors import DeadlineExceededError

from tests.conformance.rest import ask
from tests.served_models import example, save, write_classifier, write_numbers, write_words
from tfapp.server import ServerSettings, running_server
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.classify_regress import classify
from tfapp.server.servables.predict import predict
from tfapp.server.servables.request_limits import RequestLimits
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.tensor_protos import read_inputs
from tfapp.server.settings import BatchingSettings


class Picky(tf.Module):
    """Refuses negative numbers, and counts how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def root(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "no negatives"), self.runs.assign_add(1)]):
            return {"y": tf.sqrt(x), "rows": tf.repeat(tf.size(x), tf.size(x))}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def any_width(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.reduce_sum(x, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def endless(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        step = lambda i, y: (i + 1, y + 1)  # noqa: E731
        return {"y": tf.while_loop(lambda i, _: i >= 0, step, (tf.constant(0, tf.int64), x))[1]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.reduce_sum(x)}


@pytest.fixture(scope="module")
def picky_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = Picky()
    signatures = {"serving_default": module.root, "any_width": module.any_width, "total": module.total}
    signatures["endless"] = module.endless
    return save(module, tmp_path_factory.mktemp("models") / "picky" / "1", signatures)


def _load(folder: Path, limits: RequestLimits | None = None, **settings: int) -> Servable:
    return Servable(folder.parent.name, int(folder.name), folder, BatchScheduler(BatchingSettings(**settings)), limits)


def _at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Calls from that many threads, all let go at the same moment; errors are returned."""
    results: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def go(index: int) -> None:
        gate.wait(30)
        try:
            results[index] = call(index)
        except RequestError as error:
            results[index] = error

    threads = [threading.Thread(target=go, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_what_may_be_merged(picky_model: Path) -> None:
    signatures = _load(picky_model).signatures
    assert {key: signature.merges for key, signature in signatures.items()} == {
        "serving_default": True,
        "any_width": False,
        "endless": False,
        "total": False,
    }
    assert not Servable("picky", 1, picky_model).signatures["serving_default"].merges


def test_requests_that_wait_together_run_together(picky_model: Path) -> None:
    # One thread, and a batch that waits long enough for eight rows leaves with its eighth.
    signature = _load(picky_model, num_batch_threads=1, batch_timeout_micros=20_000_000, max_batch_size=8).signatures[
        "serving_default"
    ]
    results = _at_once(8, lambda i: signature.run({"x": np.array([i * i], np.float32)}, ["y", "rows"]))
    assert [result["y"].tolist() for result in results] == [[i] for i in range(8)]
    assert [result["rows"].tolist() for result in results] == [[8]] * 8


def test_a_bad_request_fails_alone(picky_model: Path) -> None:
    signature = _load(picky_model, num_batch_threads=1, batch_timeout_micros=20_000_000, max_batch_size=4).signatures[
        "serving_default"
    ]
    results = _at_once(4, lambda i: signature.run({"x": np.array([4.0 if i else -1.0], np.float32)}, ["y"]))
    assert isinstance(results[0], RequestError)
    assert results[0].code is grpc.StatusCode.INVALID_ARGUMENT
    assert "no negatives" in results[0].message
    assert "File" not in results[0].message
    assert [result["y"].tolist() for result in results[1:]] == [[2.0]] * 3


def test_a_large_request_is_split_and_put_together_in_order(picky_model: Path) -> None:
    signature = _load(picky_model, max_batch_size=8).signatures["serving_default"]
    numbers = np.arange(1000, dtype=np.float32)
    result = signature.run({"x": numbers}, ["y", "rows"])
    np.testing.assert_allclose(result["y"], np.sqrt(numbers), rtol=1e-6)
    assert result["rows"].max() <= 8


def test_a_request_of_too_many_rows_is_refused_before_they_take_memory(tmp_path: Path) -> None:
    servable = _load(write_words(tmp_path), RequestLimits(100_000))
    request = predict_pb2.PredictRequest()
    tensor = request.inputs["text"]
    tensor.dtype = tf.string.as_datatype_enum
    tensor.string_val.append(b"a")
    for shape in ([131_072], [131_072, 1, 1], [1, 1 << 20]):
        del tensor.tensor_shape.dim[:]
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        with pytest.raises(RequestError, match=r"most 100000 a request \(--max_request_rows\)") as excinfo:
            predict(servable, request)
        assert excinfo.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert f"input text of shape [{','.join(map(str, shape))}] counts as {math.prod(shape)} rows" in str(
            excinfo.value
        )
    tensor.tensor_content = bytes(131_072)
    del tensor.string_val[:]
    del tensor.tensor_shape.dim[1:]
    tensor.tensor_shape.dim[0].size = 131_072
    with pytest.raises(RequestError, match="counts as 131072 rows"):
        predict(servable, request)
    # What comes by another way than a tensor of Predict.
    with pytest.raises(RequestError, match="counts as 100001 rows"):
        servable.signatures["serving_default"].run({"text": np.full(100_001, b"a", object)}, ["length"])


def test_a_context_is_not_copied_beyond_all_bounds(tmp_path: Path) -> None:
    servable = Servable("numbers", 1, write_numbers(tmp_path, 1))
    request = classification_pb2.ClassificationRequest()
    request.model_spec.signature_name = "classify"
    examples = request.input.example_list_with_context
    examples.context.features.feature["x"].float_list.value.append(0.0)
    examples.examples.extend([example(), example()])
    assert len(classify(servable, request).result.classifications) == 2
    examples.context.features.feature["more"].bytes_list.value.append(bytes(1 << 20))
    examples.examples.extend([example()] * 300)
    with pytest.raises(RequestError, match=r"for 302 examples takes .* at most 268435456 are taken"):
        classify(servable, request)


def test_a_last_string_is_not_copied_beyond_all_bounds(tmp_path: Path) -> None:
    signature = _load(write_words(tmp_path)).signatures["serving_default"]
    tensor = predict_pb2.PredictRequest().inputs["text"]
    tensor.dtype = tf.string.as_datatype_enum
    tensor.string_val.append(b"a" * (1 << 20))
    for size in (65_536, 1):
        tensor.tensor_shape.dim.add(size=size)
    with pytest.raises(RequestError, match="repeats a string of 1048576 bytes 65535 times; at most 67108864"):
        read_inputs({"text": tensor}, signature.definition, signature.check_shape)


def test_tens_of_thousands_of_rows_are_answered_and_a_last_value_fills_them_up(tmp_path: Path) -> None:
    servable = _load(write_words(tmp_path), RequestLimits(65_536))
    request = predict_pb2.PredictRequest(output_filter=["length"])
    request.inputs["text"].ParseFromString(codec.encode(["a", "bc"] * 25_000).SerializeToString())
    assert codec.decode(predict(servable, request).outputs["length"]).tolist() == [1, 2] * 25_000
    tensor = request.inputs["text"]
    del tensor.string_val[3:]
    assert codec.decode(predict(servable, request).outputs["length"]).tolist() == [1, 2, *[1] * 49_998]


def test_large_requests_hold_their_rows_until_they_are_answered(tmp_path: Path) -> None:
    signature = _load(write_words(tmp_path), RequestLimits(1000)).signatures["serving_default"]
    large, small = ({"text": np.full(rows, b"a", object)} for rows in (600, 10))
    with RequestContext() as first:
        signature.run(large, ["length"], first)
        # Of the same request a further signature waits for nothing.
        signature.run(large, ["length"], first)
        assert len(signature.run(small, ["length"])["length"]) == 10
        with RequestContext(0.05) as second, pytest.raises(RequestError) as excinfo:
            signature.run(large, ["length"], second)
        assert excinfo.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(signature.run(large, ["length"])["length"]) == 600


def test_a_run_that_is_not_merged_ends_when_its_caller_leaves(picky_model: Path) -> None:
    signature = _load(picky_model).signatures["endless"]
    ended_context, live_context = RequestContext(), RequestContext()
    results: list[Any] = []

    def go(context: RequestContext) -> None:
        try:
            results.append(signature.run({"x": np.zeros((1, 1), np.float32)}, ["y"], context))
        except RequestError as error:
            results.append((error.code, error.message))

    # An endless run that is not ended must not keep the process, too.
    contexts = (ended_context, live_context)
    threads = [threading.Thread(target=go, args=(context,), daemon=True) for context in contexts]
    for thread in threads:
        thread.start()
    # Another's run goes on, and ends with its own caller.
    for context, thread in zip(contexts, threads, strict=True):
        context.cancel()
        thread.join(60)
        assert not thread.is_alive()
        assert results.pop() == (grpc.StatusCode.CANCELLED, "The caller has gone")


def test_a_run_that_is_not_merged_ends_at_its_deadline(picky_model: Path) -> None:
    settings = ServerSettings(rest_api_port=0, rest_api_timeout_in_ms=300, drain_seconds=0)
    with running_server(picky_model.parent.parent, settings=settings, port=0) as server:
        with Client(server.address, timeout=0.3) as client, pytest.raises(DeadlineExceededError):
            client.predict("picky", {"x": np.zeros((1, 1), np.float32)}, signature="endless")
        assert server.rest_port is not None
        document = {"signature_name": "endless", "inputs": [[0.0]]}
        assert ask(server.rest_port, "POST", "/v1/models/picky:predict", document).status == 504
        pause, end = threading.Event(), time.monotonic() + 60
        # Nobody holds the version any more.
        while server.manager._version_states["picky"][1].users:
            assert time.monotonic() < end
            pause.wait(0.01)


def test_a_fault_reads_the_same_whether_a_run_can_be_stopped_or_not(picky_model: Path) -> None:
    signature = _load(picky_model).signatures["any_width"]
    with pytest.raises(RequestError) as single_error:
        signature.run({"x": np.zeros(1, np.float32)}, ["y"])
    with pytest.raises(RequestError) as merged_error:
        signature._run({"x": np.zeros(1, np.float32)}, ["y"])
    assert (single_error.value.code, single_error.value.message) == (
        merged_error.value.code,
        merged_error.value.message,
    )


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_what_does_not_fit_the_signature_runs_alone(tmp_path: Path, shape: tuple[int, ...]) -> None:
    signature = _load(write_words(tmp_path)).signatures["serving_default"]
    texts = np.full(shape, b"a", dtype=object)
    result = signature.run({"text": texts}, ["upper"])["upper"]
    assert result.shape == shape
    assert (result == b"A").all()


def test_models_with_the_same_graph_do_not_answer_for_each_other(tmp_path: Path) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=1, batch_timeout_micros=1000))
    servables = [
        Servable("numbers", version, write_numbers(tmp_path, version, add=100.0 * version), scheduler)
        for version in (1, 2, 3)
    ]
    results = _at_once(
        24,
        lambda i: servables[i % 3].signatures["serving_default"].run({"x": np.zeros(1, np.float32)}, ["y"]),
    )
    assert [result["y"].item() for result in results] == [100.0 * (i % 3 + 1) for i in range(24)]


def test_a_queue_that_is_full_refuses_as_unavailable(picky_model: Path) -> None:
    signature = _load(
        picky_model, num_batch_threads=1, batch_timeout_micros=500_000, max_batch_size=2, max_enqueued_batches=1
    ).signatures["serving_default"]
    results = _at_once(16, lambda _: signature.run({"x": np.ones(1, np.float32)}, ["y"]))
    refusals = [result for result in results if isinstance(result, RequestError)]
    assert refusals
    assert {error.code for error in refusals} == {grpc.StatusCode.UNAVAILABLE}
    assert "The batch scheduling queue to which this task was submitted is full" in refusals[0].message


def test_a_classifier_by_the_contract_merges(tmp_path: Path) -> None:
    servable = _load(write_classifier(tmp_path, "news", multi_label=True))
    assert servable.signatures["serving_default"].merges


def test_strings_have_as_many_dimensions_as_tensorflow_can_carry(tmp_path: Path) -> None:
    class Strings(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(None, tf.string, name="text")])
        def deeper(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"same": text, "deeper": text[tf.newaxis]}

    module = Strings()
    servable = _load(save(module, tmp_path / "strings" / "1", {"serving_default": module.deeper}))
    signature = servable.signatures["serving_default"]
    texts = {"text": np.full([1] * 32, b"a", object)}
    assert signature.run(texts, ["same"])["same"].shape == (1,) * 32
    for inputs, output in ((texts, "deeper"), ({"text": texts["text"][np.newaxis]}, "same")):
        with pytest.raises(RequestError, match="at most 32 dimensions on this server, got 33") as excinfo:
            signature.run(inputs, [output])
        assert excinfo.value.code is grpc.StatusCode.INVALID_ARGUMENT
