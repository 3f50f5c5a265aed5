"""Tests what the command line and the console mount of an application, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tests.console.test_pages import text_of
from tests.console_site import Site
from tfapp.apps.registry import APPLICATIONS
from tfapp.apps.shared.application_spec import ApplicationSpec
from tfapp.web.app_state import AppState, OverviewTile, StatePages, UnlabelledTexts, WebApplication

ROOT = Path(__file__).parents[2]


class NotePages(StatePages[AppState]):
    def routes(self) -> list[BaseRoute]:
        return [Route("/notes", self._show)]

    def _show(self, request: Request) -> Response:
        return self._views.page(request, "notes.html", notes=self._state.session(self._state.applications[-1]))


def _application(templates: Path) -> WebApplication[list[str]]:
    return WebApplication(
        "notes",
        "Notes",
        "star",
        open_session=lambda home, _state: (home / "settings.toml").read_text(encoding="utf-8").split(),
        close_session=list.clear,
        make_pages=NotePages,
        templates=templates,
        static=templates,
        make_tile=lambda notes: OverviewTile("All notes", "/notes", len(notes) if notes else None, "notes"),
        unlabelled_texts=lambda notes, limit: UnlabelledTexts("notes", ["news"], notes[:limit]),
    )


def test_a_new_application_is_mounted_by_its_entry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "notes.html").write_text(
        '{% extends "base.html" %}{% block main %}{{ notes | join(" and ") }}{% endblock %}', encoding="utf-8"
    )
    (tmp_path / "templates" / "notes.css").write_text(".note { color: red; }", encoding="utf-8")
    pages = _application(tmp_path / "templates")
    spec = ApplicationSpec("notes", commands=lambda: pytest.fail("a console needs no commands"), pages=lambda: pages)
    monkeypatch.setattr("tfapp.console.console_state.APPLICATIONS", (*APPLICATIONS, spec))
    site = Site(tmp_path / "home")
    with site.browser:
        overview = site.get("/").text
        assert 'href="/notes"' in overview
        assert "All notes – notes" in text_of(overview)
        answer = site.post("/labelling/notes", {"model": "news"})
        assert "Notes is not set up here yet" in text_of(answer.text)
        (tmp_path / "home" / "notes").mkdir(parents=True)
        (tmp_path / "home" / "notes" / "settings.toml").write_text("milk bread", encoding="utf-8")
        assert site.get("/static/notes/notes.css").text == ".note { color: red; }"
        assert "milk and bread" in text_of(site.get("/notes").text)
        assert "All notes 2 notes" in text_of(site.get("/").text)
        site.post("/labelling/notes", {"model": "news"})
        (pool,) = site.state.feedback.pools.all()
        assert (pool.name, pool.model) == ("notes", "news")
        assert "no application of this name" in text_of(site.post("/labelling/none", {"model": "news"}).text)


def test_each_folder_is_registered() -> None:
    folders = {file.parent.name for file in (ROOT / "tfapp" / "apps").glob("*/application.py")} - {"shared"}
    assert {spec.name for spec in APPLICATIONS} == folders


def test_the_list_imports_no_application() -> None:
    code = """
import sys
import tfapp.apps.registry
parts = ("cli", "pages", "service", "tables")
heavy = [name for name in sys.modules if name.startswith("tfapp.apps.") and name.rpartition(".")[2] in parts]
print([*heavy, *({"sqlalchemy", "starlette", "typer", "tensorflow"} & sys.modules.keys())])
"""
    process: Any = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert process.stdout.strip() == "[]"
