"""Which versions are served, and how they follow their folders."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import pytest

from tests.conformance.calls import refused
from tests.conformance.models import gate_log
from tests.conformance.servers import BatchingServer
from tests.conformance.suite import Suite, TestedServer

_BEACON = count(2)


@pytest.mark.parametrize(
    ("model", "versions"),
    [("unsaid", {3}), ("latest_two", {2, 3}), ("all", {1, 2, 3}), ("specific", {1, 3})],
)
def test_policies(main: TestedServer, model: str, versions: set[int]) -> None:
    assert main.calls.available(model) == versions
    assert main.calls.predict(model, {"text": ["a"]}).model_spec.version.value == 3


def test_folders_that_are_no_numbers_are_ignored(main: TestedServer) -> None:
    assert main.calls.states("names") == {7: "AVAILABLE"}
    assert main.calls.predict("names", {"text": ["a"]}, version=7).model_spec.version.value == 7


def wait_for_poll(main: TestedServer, suite: Suite) -> None:
    """Waits until a server that looks every second has seen two versions come, so that others have looked as well."""
    for _ in range(2):
        version = next(_BEACON)
        suite.models.publish("words", main.models / "beacon" / str(version))
        main.wait_until_available("beacon", version)


@pytest.mark.needs("folder-polling")
def test_zero_seconds_between_looks_mean_one_look(
    main: TestedServer, batching_server: BatchingServer, suite: Suite
) -> None:
    suite.models.publish("words", batching_server.tested.models / "once" / "2")
    wait_for_poll(main, suite)
    assert batching_server.tested.calls.states("once") == {1: "AVAILABLE"}


@pytest.mark.needs("warm-up")
def test_the_port_opens_after_the_first_load(batching_server: BatchingServer) -> None:
    assert not batching_server.was_open_while_loading


@pytest.mark.needs("folder-polling", "warm-up")
def test_a_new_version_is_ready_before_the_old_one_goes(reset_server: TestedServer, suite: Suite, gate: Path) -> None:
    calls, folder = reset_server.calls, reset_server.next_version("gated")
    new = int(folder.name)
    suite.models.publish("gate", folder, gate_log(gate))
    reset_server.wait_for(gate.with_name("gate.entered").exists)
    assert calls.states("gated")[new] == "LOADING"
    assert calls.available("gated") == {new - 1}
    assert calls.predict("gated", {"gate": [""]}).model_spec.version.value == new - 1
    gate.touch()

    def taken_over() -> bool:
        states = calls.states("gated")
        assert "AVAILABLE" in states.values()
        return states[new] == "AVAILABLE" and states.get(new - 1, "END") == "END"

    reset_server.wait_for(taken_over)
    assert calls.predict("gated", {"gate": [""]}).model_spec.version.value == new
    with refused("NOT_FOUND") as text:
        calls.predict("gated", {"gate": [""]}, version=new - 1)
    assert text() == f"Servable not found for request: Specific(gated, {new - 1})"


@pytest.mark.needs("folder-polling")
def test_who_asked_the_old_version_is_answered_by_it(reset_server: TestedServer, suite: Suite, gate: Path) -> None:
    folder = reset_server.next_version("gated")
    new = int(folder.name)
    first = reset_server.calls.start("gated", {"gate": [str(gate)]})
    reset_server.wait_for(gate.with_name("gate.entered").exists)
    suite.models.publish("gate", folder)
    # Not by the status: TensorFlow Serving's changes only once the old version is let go.
    reset_server.wait_for(lambda: reset_server.calls.predict("gated", {"gate": [""]}).model_spec.version.value == new)
    gate.touch()
    assert first.result().model_spec.version.value == new - 1
    reset_server.wait_for(lambda: reset_server.calls.states("gated").get(new - 1, "END") == "END")


@pytest.mark.needs("folder-polling")
def test_a_missing_base_path_unloads_nothing(reset_server: TestedServer, main: TestedServer, suite: Suite) -> None:
    base = reset_server.models / "missing"
    (version,) = reset_server.calls.available("missing")
    moved_path = base.rename(base.with_name(".aside"))
    try:
        wait_for_poll(main, suite)
        assert reset_server.calls.available("missing") == {version}
        assert reset_server.calls.predict("missing", {"text": ["a"]}).model_spec.version.value == version
    finally:
        moved_path.rename(base)


@pytest.mark.needs("folder-polling")
def test_an_empty_base_path_unloads_everything(reset_server: TestedServer, suite: Suite) -> None:
    shutil.rmtree(reset_server.models / "emptied" / "1")
    try:
        reset_server.wait_for(lambda: reset_server.calls.states("emptied").get(1, "END") == "END")
        with refused("NOT_FOUND") as text:
            reset_server.calls.predict("emptied", {"text": ["a"]})
        assert text() == "Servable not found for request: Latest(emptied)"
    finally:
        suite.models.publish("words", reset_server.models / "emptied" / "2")
