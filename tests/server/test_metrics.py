from __future__ import annotations

import re
import threading
from pathlib import Path

import grpc
import pytest
from tfapp_client import Client

from tests.conformance.rest import ask
from tests.served_models import write_numbers
from tfapp.server import ServerSettings, running_server
from tfapp.server.metrics import Counter, Histogram, Metrics
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.settings import MonitoringSettings

_SAMPLE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\{([a-zA-Z_]+=\"(\\.|[^\"\\\n])*\",?)*\} [0-9.e+-]+")


def test_a_counter_counts_each_combination_of_labels() -> None:
    counter = Counter(":c", "model", "status")
    counter.add(("b", "OK"))
    counter.add(("a", "OK"), 2)
    counter.add(("b", "OK"))
    assert list(counter.lines()) == [
        "# TYPE :c counter",
        ':c{model="a",status="OK"} 2',
        ':c{model="b",status="OK"} 2',
    ]


def test_labels_are_escaped() -> None:
    counter = Counter("c", "model")
    counter.add(('a"b\\c\nd',))
    assert list(counter.lines())[1] == r'c{model="a\"b\\c\nd"} 1'


def test_a_histogram_is_cumulative_and_its_bounds_are_inside() -> None:
    histogram = Histogram(":h", (1, 2.5, 1e6), "model")
    for amount in (0.5, 1.0, 2.0, 2.5, 3.0, 2e6):
        histogram.observe(("m",), amount)
    assert list(histogram.lines()) == [
        "# TYPE :h histogram",
        ':h_bucket{model="m",le="1"} 2',
        ':h_bucket{model="m",le="2.5"} 4',
        ':h_bucket{model="m",le="1e+06"} 5',
        ':h_bucket{model="m",le="+Inf"} 6',
        ':h_sum{model="m"} 2000009',
        ':h_count{model="m"} 6',
    ]


def test_names_that_callers_make_up_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(3000):
        metrics.request_count.add((f"made-up-{number}", "NOT_FOUND"))
    metrics.request_count.add(("real", "OK"))
    with metrics.request("x" * 1000, "Predict", "GRPC", RequestContext()):
        pass
    page = metrics.page()
    assert page.count("request_count{") < 1010
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 2000' in page
    assert ':tensorflow:serving:request_count{model_name="",status="OK"} 2' in page
    assert "xxx" not in page


def test_a_request_is_counted_by_its_end() -> None:
    ticks = iter(range(100))
    metrics = Metrics(clock=lambda: next(ticks))
    context = RequestContext()
    context.model_seconds = 0.25
    with metrics.request("m", "Predict", "GRPC", context):
        pass
    with pytest.raises(RequestError), metrics.request("m", "Predict", "GRPC", RequestContext()):
        raise invalid_argument("x")
    with pytest.raises(ZeroDivisionError), metrics.request("m", "predict", "REST", RequestContext()):
        raise ZeroDivisionError
    lines = metrics.page().splitlines()
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1' in lines
    assert ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 1' in lines
    assert ':tensorflow:serving:request_count{model_name="m",status="INTERNAL"} 1' in lines
    labels = 'model_name="m",API="Predict"'
    assert f':tensorflow:serving:request_latency_sum{{{labels},entrypoint="GRPC"}} 1000000' in lines
    assert f':tensorflow:serving:request_latency_count{{{labels},entrypoint="GRPC"}} 1' in lines
    assert f':tensorflow:serving:runtime_latency_sum{{{labels},runtime="TF1"}} 250000' in lines
    assert not any('entrypoint="REST"' in line for line in lines)


def test_counts_of_many_threads_add_up() -> None:
    metrics = Metrics()
    start = threading.Barrier(8)

    def count() -> None:
        start.wait()
        for _ in range(500):
            with metrics.request("m", "Predict", "GRPC", RequestContext()):
                metrics.examples("m", 3)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = metrics.page().splitlines()
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 4000' in lines
    assert ':tensorflow:serving:request_example_count_total{model="m"} 12000' in lines
    assert ':tensorflow:serving:request_example_counts_bucket{model="m",le="4"} 4000' in lines


def test_loads_and_warm_ups() -> None:
    metrics = Metrics()
    with metrics.load("/m/1"), metrics.warm_up("/m/1"):
        pass
    with pytest.raises(OSError, match="x"), metrics.load("/m/2"):
        raise OSError("x")
    with pytest.raises(RequestError), metrics.warm_up("/m/3"):
        raise RequestError(grpc.StatusCode.NOT_FOUND, "x")
    page = metrics.page()
    assert 'load_attempt_count{model_path="/m/1",status="success"} 1' in page
    assert 'load_attempt_count{model_path="/m/2",status="fail"} 1' in page
    assert 'model_warmup_latency_count{model_path="/m/1",status="OK"} 1' in page
    assert 'model_warmup_latency_count{model_path="/m/3",status="NOT_FOUND"} 1' in page


def test_both_ways_in_count_on_one_page(tmp_path: Path) -> None:
    write_numbers(tmp_path, 1)
    monitoring = MonitoringSettings(enable=True, path="/metrics")
    with running_server(tmp_path, settings=ServerSettings(port=0, rest_api_port=0, monitoring=monitoring)) as server:
        port = server.rest_port
        assert port
        with Client(server.address) as client:
            client.predict("numbers", {"x": [1.0]})
        assert ask(port, "POST", "/v1/models/numbers:predict", {"instances": [1.0]}).status == 200
        body = {"signature_name": "regress", "examples": [{"x": 2.0}, {"x": 1.0}]}
        assert ask(port, "POST", "/v1/models/numbers:regress", body).status == 200
        assert ask(port, "GET", "/v1/models/numbers").status == 200
        assert ask(port, "GET", "/v1/models/numbers/metadata").status == 200
        assert ask(port, "POST", "/v1/models/nope:predict", {"instances": [1.0]}).status == 404
        assert ask(port, "POST", "/v1/models/numbers:nope", {}).status == 400
        page = ask(port, "GET", "/metrics")
        assert (page.status, page.headers["content-type"]) == (200, "text/plain")
        assert ask(port, "GET", "/monitoring/prometheus/metrics").status == 404
        assert ask(port, "POST", "/metrics", {}).status == 404
    lines = page.text.splitlines()
    assert all(_SAMPLE.fullmatch(line) for line in lines if not line.startswith("# TYPE "))
    name = ":tensorflow:serving:"
    for line in (
        'request_count{model_name="",status="INVALID_ARGUMENT"} 1',
        'request_count{model_name="nope",status="NOT_FOUND"} 1',
        'request_count{model_name="numbers",status="OK"} 5',
        'request_latency_count{model_name="numbers",API="",entrypoint="REST"} 2',
        'request_latency_count{model_name="numbers",API="Predict",entrypoint="GRPC"} 1',
        'request_latency_count{model_name="numbers",API="predict",entrypoint="REST"} 1',
        'request_latency_count{model_name="numbers",API="regress",entrypoint="REST"} 1',
        'runtime_latency_count{model_name="numbers",API="Predict",runtime="TF1"} 2',
        'runtime_latency_count{model_name="numbers",API="Regress",runtime="TF1"} 1',
        'request_example_count_total{model="numbers"} 2',
        'batching_session:queuing_latency_count{thread_pool_name="batch"} 3',
        "batching_session:wrapped_run_count{} 3",
    ):
        assert name + line in lines
    assert any(line.startswith(":tensorflow:cc:saved_model:load_latency{") for line in lines)
    types = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}
    assert types[name + "request_latency"] == "histogram"
    assert types[name + "request_count"] == "counter"
