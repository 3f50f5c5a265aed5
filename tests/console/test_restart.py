"""The console asks a server elsewhere, which goes away and comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.console.test_pages import text_of
from tests.console_site import Site
from tests.processes import wait_until
from tests.toy import toy_text
from tfapp import api
from tfapp.console.console_state import ConsoleState

pytestmark = pytest.mark.slow


def test_it_goes_on_when_its_model_server_is_back(toy_models: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_models, tmp_path / "models")
    fields = {"text": toy_text("sport", 3)}
    with api.serve(toy_models) as server:
        site = Site(tmp_path, state=ConsoleState(tmp_path, server=server.address))
        site.state.start()
        assert "serving" in text_of(site.get("/models").text)
        assert "sport" in text_of(site.post("/try/models/toy", fields).text)
    answer = site.get("/models")
    assert (answer.status_code, "no answer" in text_of(answer.text)) == (200, True)
    assert site.post("/try/models/toy", fields).status_code == 503
    with api.serve(toy_models, port=int(server.address.rpartition(":")[2])):
        # The client tries to connect again every two seconds at most.
        wait_until(lambda: "serving" in text_of(site.get("/models").text))
        assert site.post("/try/models/toy", fields).status_code == 200
    site.state.close()
