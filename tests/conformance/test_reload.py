"""Configurations that change while a server runs: models, labels; and no request is lost meanwhile."""

from __future__ import annotations

import pytest

from tests.conformance.calls import ModelConfig, config_text, model_config, refused
from tests.conformance.suite import Suite, TestedServer
from tests.load import Load

pytestmark = pytest.mark.needs("reload")


def _numbers(server: TestedServer, *versions: int, **labels: int) -> ModelConfig:
    policy = {"specific": {"versions": list(versions)}}
    return model_config("numbers", server.models / "numbers", policy, **labels)


def _labelled(server: TestedServer, label: str) -> int:
    spec = server.calls.predict("numbers", {"x": [0.0]}, label=label).model_spec
    return int(spec.version.value)


def test_waits_for_what_is_named_anew_and_replaces_everything(reset_server: TestedServer, suite: Suite) -> None:
    suite.models.publish("numbers 1", reset_server.models / "fresh" / "4")
    reset_server.calls.reload(*reset_server.base, model_config("fresh", reset_server.models / "fresh"))
    assert reset_server.calls.predict("fresh", {"x": [0.0]}).model_spec.version.value == 4
    assert reset_server.calls.available("words") == {1}
    reset_server.calls.reload(*reset_server.base)
    reset_server.wait_for(lambda: reset_server.calls.available("fresh") == set())
    with refused("NOT_FOUND") as text:
        reset_server.calls.predict("fresh", {"x": [0.0]})
    assert text() == "Servable not found for request: Latest(fresh)"


def test_labels_move_and_may_share_a_version(reset_server: TestedServer) -> None:
    assert (_labelled(reset_server, "stable"), _labelled(reset_server, "canary")) == (2, 3)
    reset_server.calls.reload(_numbers(reset_server, 2, 3, stable=3, canary=3, old=2))
    assert [_labelled(reset_server, label) for label in ("stable", "canary", "old")] == [3, 3, 2]
    reset_server.calls.reload(_numbers(reset_server, 2, 3, old=2))
    with refused("INVALID_ARGUMENT") as text:
        _labelled(reset_server, "stable")
    assert text() == "Unrecognized servable version label: stable"


def test_a_label_never_moves_to_what_is_not_available(reset_server: TestedServer) -> None:
    """A new label may where the flag allows it, one that moves may not: its requests would fail until it loads."""
    with refused("FAILED_PRECONDITION") as text:
        reset_server.calls.reload(_numbers(reset_server, 1, 2, 3, stable=1))
    assert text() == (
        "Request to assign label to version 1 of model numbers, which is not currently available for inference"
    )
    assert _labelled(reset_server, "stable") == 2


def test_64_callers_lose_nothing_to_a_swap_a_rollback_and_reloads(reset_server: TestedServer) -> None:
    def serve(*versions: int, stable: int) -> None:
        reset_server.calls.reload(_numbers(reset_server, *versions, stable=stable))
        reset_server.wait_for(lambda: reset_server.calls.available("numbers") == set(versions))

    serve(2, 3, stable=2)
    serve(2, stable=2)
    with Load(reset_server.address) as load:
        for old, new in ((2, 3), (3, 2)):
            # The new version beside the old one, then the label, then the old one goes.
            serve(2, 3, stable=old)
            serve(2, 3, stable=new)
            load.wait_for(100)
            serve(new, stable=new)
            load.wait_for(100)
        for _ in range(20):
            serve(2, stable=2)
        load.wait_for(100)
    assert load.lost == []
    assert set(load.answers) == {2.0, 3.0}


@pytest.mark.needs("config-polling", "tls")
def test_the_config_file_is_read_again(tls: TestedServer, suite: Suite) -> None:
    suite.models.publish("words", tls.models / "added" / "1")
    later = tls.config_file.with_name("later.config")
    later.write_text(config_text(*tls.base, model_config("added", tls.models / "added")))
    later.replace(tls.config_file)
    tls.wait_until_available("added", 1)
    assert tls.calls.outputs("added", {"text": ["a"]})["upper"] == [b"A"]
