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


def test_waits_for_what_is_named_anew_and_replaces_everything(changing: TestedServer, suite: Suite) -> None:
    suite.models.publish("numbers 1", changing.models / "fresh" / "4")
    changing.calls.reload(*changing.base, model_config("fresh", changing.models / "fresh"))
    assert changing.calls.predict("fresh", {"x": [0.0]}).model_spec.version.value == 4
    assert changing.calls.available("words") == {1}
    changing.calls.reload(*changing.base)
    changing.wait_for(lambda: changing.calls.available("fresh") == set())
    with refused("NOT_FOUND") as text:
        changing.calls.predict("fresh", {"x": [0.0]})
    assert text() == "Servable not found for request: Latest(fresh)"


def test_labels_move_and_may_share_a_version(changing: TestedServer) -> None:
    assert (_labelled(changing, "stable"), _labelled(changing, "canary")) == (2, 3)
    changing.calls.reload(_numbers(changing, 2, 3, stable=3, canary=3, old=2))
    assert [_labelled(changing, label) for label in ("stable", "canary", "old")] == [3, 3, 2]
    changing.calls.reload(_numbers(changing, 2, 3, old=2))
    with refused("INVALID_ARGUMENT") as text:
        _labelled(changing, "stable")
    assert text() == "Unrecognized servable version label: stable"


def test_a_label_never_moves_to_what_is_not_available(changing: TestedServer) -> None:
    """A new label may where the flag allows it, one that moves may not: its requests would fail until it loads."""
    with refused("FAILED_PRECONDITION") as text:
        changing.calls.reload(_numbers(changing, 1, 2, 3, stable=1))
    assert text() == (
        "Request to assign label to version 1 of model numbers, which is not currently available for inference"
    )
    assert _labelled(changing, "stable") == 2


def test_64_callers_lose_nothing_to_a_swap_a_rollback_and_reloads(changing: TestedServer) -> None:
    def serve(*versions: int, stable: int) -> None:
        changing.calls.reload(_numbers(changing, *versions, stable=stable))
        changing.wait_for(lambda: changing.calls.available("numbers") == set(versions))

    serve(2, 3, stable=2)
    serve(2, stable=2)
    with Load(changing.address) as load:
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
