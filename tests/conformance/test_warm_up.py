"""Warm-up requests, and loads that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tests.conformance.models import gate_log
from tests.conformance.suite import Suite, TestedServer
from tests.served_models import example

pytestmark = pytest.mark.needs("warm-up", "folder-polling")

# A load, and its five retries.
_LOADS = 6


def _predict_log(signature: str) -> Any:
    log = gate_log("a", "inputs")
    log.predict_log.request.inputs["inputs"].string_val[0] = example(x=1.0).SerializeToString()
    log.predict_log.request.model_spec.signature_name = signature
    return log


def _classify_log(signature: str) -> Any:
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.signature_name = signature
    log.classify_log.request.input.example_list.examples.append(example(x=1.0))
    return log


def _regress_log(signature: str) -> Any:
    log = prediction_log_pb2.PredictionLog()
    log.regress_log.request.model_spec.signature_name = signature
    log.regress_log.request.input.example_list.examples.append(example(x=1.0))
    return log


def _multi_inference_log(signature: str) -> Any:
    log = prediction_log_pb2.PredictionLog()
    task = log.multi_inference_log.request.tasks.add(method_name=contract.REGRESS_METHOD)
    task.model_spec.name, task.model_spec.signature_name = "another", signature
    log.multi_inference_log.request.input.example_list.examples.append(example(x=1.0))
    return log


_KINDS: list[tuple[Callable[[str], Any], str]] = [
    (_predict_log, "classify"),
    (_classify_log, "classify"),
    (_regress_log, "regress"),
    (_multi_inference_log, "regress"),
]


def _reason(server: TestedServer, folder: Path) -> str:
    """Waits until a version is given up, and tells why; the one before it stays in service meanwhile."""
    model, version = folder.parent.name, int(folder.name)

    def given_up() -> bool:
        assert server.calls.available(model)
        return server.calls.states(model).get(version) == "END"

    server.wait_for(given_up)
    status = server.calls.statuses(model)[version].status
    assert status.error_code != 0
    return str(status.error_message)


def _publish_next(server: TestedServer, suite: Suite, model: str, template: str, *logs: Any) -> None:
    folder = server.next_version(model)
    suite.models.publish(template, folder, *logs)
    server.wait_until_available(model, int(folder.name))


@pytest.mark.parametrize(("log", "signature"), _KINDS, ids=["predict", "classify", "regress", "multi inference"])
def test_one_request_that_fails_fails_the_load(
    reset_server: TestedServer, suite: Suite, log: Callable[[str], Any], signature: str
) -> None:
    folder = reset_server.next_version("warmed")
    suite.models.publish("numbers 1", folder, *(make(right) for make, right in _KINDS), log("nope"))
    assert "nope" in _reason(reset_server, folder)
    # Those of all kinds that are right do no harm.
    _publish_next(reset_server, suite, "warmed", "numbers 1", *(make(right) for make, right in _KINDS))


def test_more_than_a_thousand_requests_fail_the_load(main: TestedServer, suite: Suite) -> None:
    folder = main.next_version("gate")
    suite.models.publish("gate", folder, *[gate_log("")] * 1001)
    assert "1000" in _reason(main, folder)


@pytest.mark.needs("load-retries")
def test_a_load_that_fails_is_tried_five_times_more(reset_server: TestedServer, suite: Suite, scratch: Path) -> None:
    notes = scratch / "notes"
    notes.mkdir()
    folder = reset_server.next_version("noted")
    suite.models.publish("attempts", folder, gate_log(notes, "folder"), gate_log(notes, "wrong"))
    _reason(reset_server, folder)
    # A version that loads, for a reload of the configuration waits for one.
    _publish_next(reset_server, suite, "noted", "attempts", gate_log(scratch, "folder"))
    assert len(list(notes.iterdir())) == _LOADS
