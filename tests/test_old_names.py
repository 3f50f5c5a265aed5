"""The errors for public names of before say the new ones, which are there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pickle
from pathlib import Path

import pytest

import tfapp
from tfapp._old_names import NEW_PLACES

ROOT = Path(__file__).parents[1]


def _module(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _public(file: Path) -> list[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return next(
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )


@pytest.mark.parametrize("module", NEW_PLACES)
def test_each_new_place_is_there(module: str) -> None:
    for old, place in NEW_PLACES[module].items():
        home, _, name = place.replace("NAME", "support").rpartition(".")
        file = _module(home)
        assert _module(place.replace("NAME", "support")) or (file and name in _public(file)), place
        assert not _module(f"{module}.{old}"), f"{module}.{old} is there"


def test_an_old_name_is_refused_with_its_new_one() -> None:
    with pytest.raises(ImportError, match=r"tfapp\.session is tfapp\.workflows\.train now"):
        from tfapp import session  # noqa: F401
    with pytest.raises(ImportError, match=r"tfapp\.releases is tfapp\.workflows\.release now"):
        _ = tfapp.releases
    with pytest.raises(ImportError, match=r"load_experiment is tfapp\.tasks\.experiments\.load_experiment now"):
        from tfapp.config import load_experiment  # noqa: F401


@pytest.mark.parametrize("module", ["tfapp", "tfapp.config", "tfapp.data", "tfapp.registry"])
def test_any_other_name_is_an_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nonsense'"):
        _ = importlib.import_module(module).nonsense


def test_an_import_of_an_old_module_is_refused_with_its_new_one() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.session is tfapp\.workflows\.train now$"):
        from tfapp.session import run_experiment  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.commands is tfapp\.cli now$"):
        importlib.import_module("tfapp.commands.train")
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.data\.sniff is tfapp\.tasks\.sniff\.sniff now$"):
        import tfapp.data.sniff  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.session is "):
        pickle.loads(b"ctfapp.session\nRun\n.")
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'tfapp\.nonsense'$"):
        importlib.import_module("tfapp.nonsense")


def test_a_search_for_an_old_module_finds_none() -> None:
    assert importlib.util.find_spec("tfapp.session") is None
    assert importlib.util.find_spec("tfapp.workflows") is not None
