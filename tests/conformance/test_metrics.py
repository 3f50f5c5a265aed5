"""The Prometheus page."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.calls import refused
from tests.conformance.recorded import recorded_cases
from tests.conformance.rest import RestResponse, ask
from tests.conformance.suite import TestedServer

pytestmark = pytest.mark.needs("rest", "metrics")

_LINE = re.compile(r"^(?P<name>[^{ ]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_COUNT, _LATENCY = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency"
# Those that dashboards and alerts are made of.
_NAMES = {_COUNT, _LATENCY, ":tensorflow:serving:batching_session:queuing_latency"}
_RECORDED: dict[str, Any] = next(case for case in recorded_cases() if case["case"] == "REST metrics")
_GRPC = {"API": "Predict", "entrypoint": "GRPC"}


def _page(server: TestedServer) -> RestResponse:
    return ask(server.rest_port, "GET", "/monitoring/prometheus/metrics")


def _lines(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by the metric's name and its labels, in the order of the page."""
    # Names that callers chose may hold what Python takes for an end of a line, and the format does not.
    matches = [_LINE.match(line) for line in text.split("\n") if line and not line.startswith("#")]
    assert all(matches)
    return {
        (line["name"], tuple(f"{key}={value}" for key, value in _LABEL.findall(line["labels"] or ""))): float(
            line["value"]
        )
        for line in matches
        if line
    }


def _value(server: TestedServer, name: str, **labels: str) -> float:
    key_values = tuple(f"{key}={value}" for key, value in labels.items())
    return _lines(_page(server).text).get((name, key_values), 0.0)


def test_as_recorded(main: TestedServer) -> None:
    main.calls.predict("numbers", {"x": [1.0]})
    ask(main.rest_port, "POST", "/v1/models/numbers:predict", {"instances": [1.0]})
    page = _page(main)
    assert (page.status, page.content_type) == (_RECORDED["http"], _RECORDED["type"])
    kinds = dict(line.split()[2:4] for line in page.text.split("\n") if line.startswith("# TYPE"))
    kinds_by_name = dict(line.split() for line in _RECORDED["names"])
    assert kinds.items() >= {name: kinds_by_name[name] for name in _NAMES}.items()
    assert {name: kinds_by_name[name] for name in kinds.keys() & kinds_by_name.keys()}.items() <= kinds.items()
    # The recorded labels, in their order, which some read by place.
    labels = {(name, _keys(labels)) for name, labels in _lines(page.text)}
    for name, pairs in _lines("\n".join(line for line in _RECORDED["lines"] if not line.startswith("#"))):
        assert (name, _keys(pairs)) in labels


def _keys(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(label.partition("=")[0] for label in labels)


def test_requests_are_counted_by_model_and_status(main: TestedServer) -> None:
    def counts() -> list[float]:
        pairs = [("numbers", "OK"), ("numbers", "INVALID_ARGUMENT"), ("unheard", "NOT_FOUND")]
        return [_value(main, _COUNT, model_name=model, status=status) for model, status in pairs]

    old_counts = counts()
    for _ in range(3):
        main.calls.predict("numbers", {"x": [1.0]})
    for _ in range(2):
        with refused("INVALID_ARGUMENT"):
            main.calls.predict("numbers", {"z": [1.0]})
    with refused("NOT_FOUND"):
        main.calls.predict("unheard", {"x": [1.0]})
    main.wait_for(lambda: [new - old for new, old in zip(counts(), old_counts, strict=True)] == [3, 2, 1])


def test_latency_is_in_microseconds(main: TestedServer, gate: Path) -> None:
    """A request that was held for some time took no less, and no more than its caller saw."""

    def latency(part: str) -> float:
        return _value(main, f"{_LATENCY}_{part}", model_name="gate", **_GRPC)

    count, total = latency("count"), latency("sum")
    caller_start = time.perf_counter()
    call = main.calls.start("gate", {"gate": [str(gate)]})
    main.wait_for(gate.with_name("gate.entered").exists)
    start = time.perf_counter()
    assert _page(main).status == 200
    seconds = time.perf_counter() - start
    gate.touch()
    assert call.result()
    caller_seconds = time.perf_counter() - caller_start
    main.wait_for(lambda: latency("count") == count + 1)
    assert seconds * 1e6 <= latency("sum") - total <= caller_seconds * 1e6
