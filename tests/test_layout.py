"""The layout of the sources: what may import what is import-linter's; these are the rules beside it."""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]

# Where a task's name stands outside of its folder, and why.
NAMES_ELSEWHERE = {
    ("config/experiment.py", "classification"): "the default that settings without a task mean",
    ("evaluation/ranking_evaluation.py", "ranking"): "a kind of evaluation, which embeddings have, too",
    ("models/embedder.py", "embedding"): "an output of the contract",
    ("server/servables/classify_regress.py", "classification"): "what TensorFlow Serving calls its Classify call",
    ("server/servables/classify_regress.py", "regression"): "what TensorFlow Serving calls its Regress call",
    ("tasks/classification/lstm.py", "embedding"): "a layer's name, by which old weights are found",
}


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = grimp.build_graph("tfapp", "tfapp_client", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imports["tfapp.api"]
    # Raises a CycleError that names the modules of the cycle.
    TopologicalSorter(imports).prepare()


def test_no_task_imports_another_and_what_they_share_imports_none() -> None:
    graph = grimp.build_graph("tfapp", cache_dir=None)
    tasks = {f"tfapp.tasks.{file.parent.name}" for file in (ROOT / "tfapp" / "tasks").glob("*/task.py")}
    assert "tfapp.tasks.ranking" in tasks
    for task, other in [*itertools.permutations(tasks, 2), *(("tfapp.tasks.shared", task) for task in tasks)]:
        assert graph.find_shortest_chains(task, other) == set()


def _folders_by_task() -> dict[str, str]:
    folders = {}
    for file in (ROOT / "tfapp" / "tasks").glob("*/task.py"):
        module = importlib.import_module(f"tfapp.tasks.{file.parent.name}.task")
        folders |= {getattr(module, name).name: file.parent.name for name in module.__all__}
    return folders


def test_a_name_of_a_task_is_written_in_its_folder_alone() -> None:
    folders = _folders_by_task()
    assert "regression" in folders.values()
    found = set()
    for file in (ROOT / "tfapp").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value in folders:
                home = ROOT / "tfapp" / "tasks" / folders[node.value]
                if not file.is_relative_to(home):
                    found.add((file.relative_to(ROOT / "tfapp").as_posix(), node.value))
    assert found == NAMES_ELSEWHERE.keys()


def test_the_top_of_the_library_is_seen_at_a_glance() -> None:
    listing = subprocess.run(["git", "ls-files", "tfapp"], cwd=ROOT, check=True, capture_output=True, text=True)
    entries = {line.split("/")[1] for line in listing.stdout.splitlines()}
    assert 10 < len(entries) <= 24


def test_every_package_says_what_may_live_in_it() -> None:
    packages = sorted((ROOT / "tfapp").rglob("__init__.py"))
    assert packages
    for package in packages:
        docstring = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
        first_line = docstring.partition("\n")[0]
        assert first_line.endswith("."), f"{package} has no sentence for a first line"
        assert len(re.findall(r"[A-Za-z]{2,}", first_line)) >= 6, f"{package} says too little: {first_line}"


def test_no_two_classes_have_one_name() -> None:
    names: dict[str, list[Path]] = {}
    for file in [*(ROOT / "tfapp").rglob("*.py"), *(ROOT / "serving" / "client" / "tfapp_client").rglob("*.py")]:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                names.setdefault(node.name, []).append(file.relative_to(ROOT))
    library = set(names)
    for file in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        for name in library.intersection(re.findall(r"^class (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)):
            names[name].append(file.relative_to(ROOT))
    assert {name: files for name, files in names.items() if len(files) > 1} == {}
