"""Warm-up requests, and loads that fail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tests.conformance.models import gate_log
from tests.conformance.servers import WARM_UP_CALLS
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


# Each makes a request of a call to a signature; and signatures that are right.
_LOGS: dict[str, tuple[Callable[[str], Any], str]] = {
    "predict": (_predict_log, "classify"),
    "classify": (_classify_log, "classify"),
    "regress": (_regress_log, "regress"),
    "multi_inference": (_multi_inference_log, "regress"),
}


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


def _publish_next(server: TestedServer, suite: Suite, template: str, *logs: Any, models: Collection[str]) -> None:
    """Publishes the next version of models, and waits for it."""
    folders = [server.next_version(model) for model in models]
    for folder in folders:
        suite.models.publish(template, folder, *logs)
    for folder in folders:
        server.wait_until_available(folder.parent.name, int(folder.name))


def test_one_request_that_fails_fails_the_load(reset_server: TestedServer, suite: Suite) -> None:
    right_logs = [make_log(signature) for make_log, signature in _LOGS.values()]
    models = [f"warmed_{call}" for call in WARM_UP_CALLS]
    folders = [reset_server.next_version(model) for model in models]
    for call, folder in zip(WARM_UP_CALLS, folders, strict=True):
        make_log, _ = _LOGS[call]
        suite.models.publish("numbers 1", folder, *right_logs, make_log("nope"))
    reasons = {folder.parent.name: _reason(reset_server, folder) for folder in folders}
    assert [model for model, reason in reasons.items() if "nope" in reason] == models
    # Those of all kinds that are right do no harm.
    _publish_next(reset_server, suite, "numbers 1", *right_logs, models=models)


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
    _publish_next(reset_server, suite, "attempts", gate_log(scratch, "folder"), models=["noted"])
    assert len(list(notes.iterdir())) == _LOADS
