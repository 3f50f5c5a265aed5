"""The quickstart notebook, executed as it is, on a toy preset and toy data that bear the catalogue's names."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.toy import TOPICS, toy_rows, write_toy_preset
from tfapp.assets.cache import MARKER, folder_of
from tfapp.assets.entries import require

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def toy_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder as `tfapp assets pull minilm-l6 bbc-news` leaves it, with small things in it."""
    home = tmp_path_factory.mktemp("home")
    preset, news = (folder_of(require(name), home) for name in ("minilm-l6", "bbc-news"))
    write_toy_preset(preset, max_sequence_length=128)
    news.mkdir(parents=True)
    (news / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows()), encoding="utf-8")
    for folder in (preset, news):
        (folder / MARKER).write_text("{}", encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns where the notebook runs."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed_notebook(toy_home: Path, folder: Path) -> Any:
    """The notebook after its cells have run, with no package index to fall back on."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    return client.execute(env={**os.environ, "TFAPP_HOME": str(toy_home), "PIP_NO_INDEX": "1"})


def test_it_is_stored_without_outputs() -> None:
    for cell in _code_cells(nbformat.read(NOTEBOOK, as_version=4)):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_it_imports_tfapp_only() -> None:
    source = "\n".join(cell.source for cell in _code_cells(nbformat.read(NOTEBOOK, as_version=4)))
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import tfapp"]


def test_data_run_and_evaluation_show_themselves(executed_notebook: Any) -> None:
    data, run, evaluation = (
        _html(_cell(executed_notebook, line)) for line in ("load_data", "tfapp.fit", "run.evaluate")
    )
    for page in (data, run, evaluation):
        assert all(topic in page for topic in TOPICS)
    assert all(f"<th>{side}</th>" in data for side in ("train", "dev", "test"))
    assert "runs/bbc-news/" in run
    # Confusion matrix, calibration, precision-recall curves.
    assert evaluation.count("<svg") + evaluation.count("<img") == 3


def test_the_server_answers_as_the_model_in_the_notebook(executed_notebook: Any) -> None:
    run_output, server_output = (_text(_cell(executed_notebook, line)) for line in ("run.predict", "tfapp.serve"))
    assert len(run_output.splitlines()) == 3
    assert run_output.split()[0] in TOPICS
    assert server_output == run_output


def test_run_and_version_are_beside_the_notebook(executed_notebook: Any, folder: Path) -> None:
    (run,) = (folder / "runs" / "bbc-news").iterdir()
    assert (run / "report.html").is_file()
    assert (folder / "models" / "bbc-news" / "1" / "saved_model.pb").is_file()


def test_nothing_complains(executed_notebook: Any) -> None:
    outputs = [output for cell in _code_cells(executed_notebook) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert not any(word in str(output) for output in outputs for word in ("Warning", "INFO:", "ipywidgets"))


def _code_cells(notebook: Any) -> Iterator[Any]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _cell(notebook: Any, line: str) -> Any:
    return next(cell for cell in _code_cells(notebook) if line in cell.source)


def _html(cell: Any) -> str:
    (result,) = [output for output in cell.outputs if output.output_type == "execute_result"]
    return str(result.data["text/html"])


def _text(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
