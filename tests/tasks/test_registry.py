"""Tasks of other distributions: what cannot be used is named in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from tests.processes import call, complaint
from tfapp.errors import SettingsError
from tfapp.tasks import registry
from tfapp.tasks.registry import all_tasks, task_function


@pytest.fixture(autouse=True)
def empty_registry() -> Iterator[None]:
    all_tasks.cache_clear()
    yield
    all_tasks.cache_clear()


@pytest.mark.parametrize(
    ("value", "complains"),
    [
        ("no_such_package.tasks:TONE", "the task tone of .* cannot be loaded: ModuleNotFoundError: No module named"),
        ("tfapp.tasks.ranking.task:TONE", "the task tone of .* cannot be loaded: AttributeError: "),
        ("math:pi", "the task tone of .* is a float, not a TaskSpec; mend or uninstall it"),
        ("tfapp.tasks.ranking.task:RANKING", "the task tone of .* has the name of a task that is there"),
    ],
)
def test_a_task_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, value: str, complains: str) -> None:
    point = EntryPoint("tone", value, "tfapp.tasks")
    monkeypatch.setattr(registry, "entry_points", lambda **_: [point])
    with pytest.raises(SettingsError, match=complains):
        all_tasks()
    assert "the task tone" in complaint(call("init", "none.csv"))


def test_a_foreign_task_and_its_entry_point_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    classification = all_tasks()["classification"]
    all_tasks.cache_clear()
    urgency = replace(classification, contract=replace(classification.contract, name="urgency"))
    monkeypatch.setattr(EntryPoint, "load", lambda _: urgency)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [EntryPoint("classification", "a:B", "tfapp.tasks")])
    with pytest.raises(SettingsError, match=r"^the task classification of a:B is named urgency by its TaskSpec; give"):
        all_tasks()


def test_a_foreign_task_does_not_take_over_what_one_of_ours_does(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = all_tasks()
    foreign = replace(ours["tagging"], preset_experiment=lambda *_, **__: None)
    monkeypatch.setattr(registry, "all_tasks", lambda: {"foreign": foreign, **ours})
    assert task_function("preset_experiment") is ours["embedding"].preset_experiment
    assert task_function("pretraining_experiment") is ours["pretraining"].pretraining_experiment
