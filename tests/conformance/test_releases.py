"""Releases: what `tfapp models` makes of labels has its meaning on every server, by the model config file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tfapp
from tests.conformance.calls import config_text, model_config, refused
from tests.conformance.suite import Suite, TestedServer
from tests.load import Load
from tests.registry.fake_versions import record
from tfapp.errors import RegistryError
from tfapp.workflows.deploy import Servers
from tfapp.workflows.release import unlabel

pytestmark = pytest.mark.needs("reload")


class Release:
    """The releases of `numbers` on a server, which has no label yet and serves the newest version.

    Args:
        server: The server.
        config: The model config file to write.
    """

    def __init__(self, server: TestedServer, config: Path) -> None:
        self.server, self._config = server, config
        server.calls.reload(*self.write())
        servers = Servers((server.address,), reload=True, timeout=60)
        self._where: dict[str, Any] = {"models": server.models, "config": config, "servers": servers}
        self.newest = max(int(folder.name) for folder in (server.models / "numbers").iterdir())
        server.wait_for(lambda: self.available() == {self.newest})

    def write(self, **labels: int) -> list[Any]:
        """Writes the file as somebody does by hand: without a policy; gives what is in it."""
        other_models = [model for model in self.server.base if model["name"] != "numbers"]
        models = [*other_models, model_config("numbers", self.server.models / "numbers", **labels)]
        self._config.write_text(config_text(*models))
        return models

    def promote(self, version: int, **choice: Any) -> None:
        tfapp.promote("numbers", version, check=lambda *_: 0, **choice, **self._where)

    def rollback(self) -> None:
        tfapp.rollback("numbers", **self._where)

    def unlabel(self, label: str) -> None:
        unlabel("numbers", label, **self._where)

    def available(self) -> set[int]:
        return self.server.calls.available("numbers")

    def answering_version(self, **choice: Any) -> int:
        spec = self.server.calls.predict("numbers", {"x": [0.0]}, **choice).model_spec
        return int(spec.version.value)


@pytest.fixture
def release(reset_server: TestedServer, scratch: Path) -> Release:
    return Release(reset_server, scratch / "models.config")


def test_the_first_label_interrupts_nobody(release: Release) -> None:
    with Load(release.server.address, label="") as load:
        release.promote(2)
        load.wait_for(100)
    assert load.lost == []
    assert set(load.answers) == {2.0, float(release.newest)}
    assert release.available() == {2}
    assert (release.answering_version(), release.answering_version(label="stable")) == (2, 2)


def test_a_version_that_was_refused_or_rolled_back_is_not_loaded(release: Release) -> None:
    for version, accuracy in ((2, 0.9), (3, 0.8)):
        record(release.server.models / "numbers" / str(version), metrics={"accuracy": accuracy})
    release.promote(2)
    with pytest.raises(RegistryError, match="not promoted to stable"):
        release.promote(3)
    assert (release.available(), release.answering_version()) == ({2}, 2)
    release.promote(3, force=True)
    assert (release.available(), release.answering_version()) == ({3}, 3)
    release.rollback()
    assert (release.available(), release.answering_version()) == ({2}, 2)
    with refused("NOT_FOUND") as text:
        release.answering_version(version=3)
    assert text() == "Servable not found for request: Specific(numbers, 3)"


def test_a_refused_promote_settles_a_stable_that_was_written_without_a_policy(release: Release) -> None:
    for version, accuracy in ((2, 0.9), (release.newest, 0.8)):
        record(release.server.models / "numbers" / str(version), metrics={"accuracy": accuracy})
    release.write(stable=2)
    with pytest.raises(RegistryError, match=r"not promoted to stable.*, or give --force$"):
        release.promote(release.newest)
    assert (release.available(), release.answering_version(), release.answering_version(label="stable")) == ({2}, 2, 2)


def test_callers_without_a_label_get_stable_unless_a_canary_is_newer(release: Release) -> None:
    release.promote(2)
    release.promote(1, label="canary")
    assert (release.available(), release.answering_version()) == ({1, 2}, 2)
    release.promote(3, label="canary")
    assert (release.available(), release.answering_version()) == ({2, 3}, 3)
    assert (release.answering_version(label="stable"), release.answering_version(label="canary")) == (2, 3)
    release.unlabel("canary")
    assert (release.available(), release.answering_version()) == ({2}, 2)
    release.unlabel("stable")
    assert (release.available(), release.answering_version()) == ({2}, 2)


@pytest.mark.needs("folder-polling")
def test_a_version_that_is_published_beside_stable_is_not_loaded(release: Release, suite: Suite) -> None:
    release.promote(2)
    server = release.server
    suite.models.publish("numbers 1", server.next_version("numbers"))
    # Twice seen elsewhere, the server has looked here as well.
    for _ in range(2):
        folder = server.next_version("missing")
        suite.models.publish("words", folder)
        server.wait_until_available("missing", int(folder.name))
    assert server.calls.states("numbers").get(release.newest + 1, "END") == "END"
    assert release.answering_version() == 2
