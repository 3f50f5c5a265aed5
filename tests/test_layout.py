"""The layout of the sources: what may import what is import-linter's; these are the rules beside it."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import jinja2
import pytest
from tfapp_client import contract

from tfapp.tasks.experiments import task_settings

ROOT = Path(__file__).parents[1]

# Where code or a template has a task's name outside of the task's folder, as a word of a string or as that of its
# contract, and why. Docstrings, and what a template shows as it stands, may have it.
NAMES_ELSEWHERE = {
    ("apps/monitor/settings.py", "tagging"): "what the application wants of a served model",
    ("apps/monitor/templates/monitor.html", "tagging"): "what the application wants of a served model",
    ("apps/recommend/demo.py", "ranking"): "the order of recommended items",
    ("apps/recommend/recommender.py", "ranking"): "the order of recommended items",
    ("apps/recommend/service.py", "ranking"): "a file's name: the pairs that a ranking model can learn from",
    ("apps/recommend/settings.py", "embedding"): "what the application wants of a served model",
    ("apps/recommend/settings.py", "ranking"): "what the application wants of a served model",
    ("apps/support/service.py", "ranking"): "a file's name: the pairs that a ranking model can learn from",
    ("apps/support/settings.py", "embedding"): "what the application wants of a served model",
    ("apps/support/settings.py", "ranking"): "what the application wants of a served model",
    ("apps/support/settings.py", "tagging"): "what the application wants of a served model",
    ("cli/_serving.py", "classification"): "whether a served model, of whatever task, answers the client's example",
    ("config/experiment.py", "classification"): "the default that settings without a task mean",
    ("evaluation/learning_curve.py", "regression"): "logistic regression",
    ("models/classes.py", "classification"): "what networks that classify answer, unless their task says more",
    ("models/embedder.py", "embedding"): "what networks that embed answer: their contract, and an output of it",
    ("server/servables/classify_regress.py", "classification"): "what TensorFlow Serving calls its Classify call",
    ("server/servables/classify_regress.py", "regression"): "what TensorFlow Serving calls its Regress call",
    ("tasks/classification/lstm.py", "embedding"): "a layer's name, by which old weights are found",
    ("tasks/classification/settings.py", "embedding"): "a layer of the LSTM",
    ("tasks/spec.py", "classification"): "whether the client's `classify` reads what a task's models answer",
    ("training/adversarial_embeddings.py", "embedding"): "the first layer of a network",
}
READERS_OF_THE_DEFAULT_TASK = {
    "config/__init__.py": "hands it on",
    "config/parse.py": "settings that name no task",
    "console/data_file.py": "a file that cannot be read",
    "tasks/settings_proposal.py": "a file that no task takes for its own",
}
# Says where the public names of before are now, some of them in the folders of tasks.
PLACES_OF_OLD_NAMES = "_old_names.py"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = grimp.build_graph("tfapp", "tfapp_client", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imports["tfapp.api"]
    # Raises a CycleError that names the modules of the cycle.
    TopologicalSorter(imports).prepare()


def _folders_by_task() -> dict[str, str]:
    folders = {}
    for file in (ROOT / "tfapp" / "tasks").glob("*/task.py"):
        module = importlib.import_module(f"tfapp.tasks.{file.parent.name}.task")
        folders |= {getattr(module, name).name: file.parent.name for name in module.__all__}
        folders[file.parent.name] = file.parent.name
    return folders


@functools.cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _strings(file: Path) -> Iterator[str]:
    """Yields a module's strings but for docstrings, which are statements of their own."""
    tree = _parse(file)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def _contracts(file: Path) -> Iterator[str]:
    """Yields the names of the tasks whose contracts a module reads, such as `contract.TAGGING`."""
    tasks = {name: value.name for name, value in vars(contract).items() if isinstance(value, contract.Task)}
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("contract"):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").endswith("contract"):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (tasks[name] for name in names if name in tasks)


def _words(file: Path) -> set[str]:
    """Returns the words of a module's or a template's strings, and the tasks whose contracts it reads."""
    if file.suffix == ".py":
        return {*re.findall(r"[\w-]+", " ".join(_strings(file))), *_contracts(file)}
    tokens = jinja2.Environment(autoescape=True).lex(file.read_text(encoding="utf-8"))
    return set(re.findall(r"[\w-]+", " ".join(value for _, kind, value in tokens if kind == "string")))


def test_a_name_of_a_task_is_written_in_its_folder_alone() -> None:
    folders = _folders_by_task()
    assert "regression" in folders.values()
    mentions = set()
    for file in (ROOT / "tfapp").rglob("*"):
        path = file.relative_to(ROOT / "tfapp")
        if file.suffix in (".py", ".html", ".jinja") and path.as_posix() != PLACES_OF_OLD_NAMES:
            names = _words(file) & folders.keys()
            mentions |= {(path.as_posix(), n) for n in names if not path.is_relative_to(f"tasks/{folders[n]}")}
    assert mentions == NAMES_ELSEWHERE.keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "if task.name == 'tagging': pass"),
        ("b.py", "from tfapp_client import contract\ntask = contract.TAGGING"),
        ("c.py", "import tfapp_client\ntask = tfapp_client.contract.TAGGING"),
        ("d.py", "from tfapp_client.contract import TAGGING as task"),
        ("a.html", '{% if task.name == "tagging" %}{% endif %}'),
        ("b.report.html.jinja", "<p>{{ names['tagging'] }}</p>"),
    ],
)
def test_code_and_templates_that_name_a_task_are_noticed(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert "tagging" in _words(tmp_path / name)


def test_the_default_task_is_read_where_a_default_is_needed_alone() -> None:
    readers = set()
    for file in (ROOT / "tfapp").rglob("*.py"):
        for node in ast.walk(_parse(file)):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "DEFAULT_TASK" for alias in node.names):
                readers.add(file.relative_to(ROOT / "tfapp").as_posix())
    assert readers == READERS_OF_THE_DEFAULT_TASK.keys()


def test_a_setting_that_one_task_alone_reads_is_in_its_folder() -> None:
    readers = Counter(name for settings in task_settings().values() for name in settings.reads)
    assert readers["data.group"] > 1
    assert [name for name, count in readers.items() if count == 1] == []


def _imports(tree: ast.Module) -> set[str]:
    """Returns the names that a module has from others."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in nodes for alias in node.names}


def _uses(statement: ast.stmt, imports: set[str]) -> Iterator[str]:
    """Yields the names that a statement reads, and those of attributes of what is imported."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imports:
            yield node.attr


def _definition(statement: ast.stmt) -> str | None:
    """Returns the name that a module's statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return statement.name
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    return target.id if isinstance(target, ast.Name) else None


class _LayerUsers:
    """The users of each definition in the layers below the tasks: a task's folder, or another module.

    What such a layer's own definitions use, their users use: so a helper of a function has the function's users.
    """

    def __init__(self) -> None:
        self.public_names: set[str] = set()
        # Of each name, the definitions of the layers that read it, and the folders and modules elsewhere.
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        self._others: defaultdict[str, set[str]] = defaultdict(set)
        for file in (ROOT / "tfapp").rglob("*.py"):
            if file.name not in ("__init__.py", PLACES_OF_OLD_NAMES):
                self._add(file.relative_to(ROOT / "tfapp"), _parse(file))

    def _add(self, path: Path, tree: ast.Module) -> None:
        is_below = path.parts[0] in ("core", "data", "models", "evaluation", "training", "savedmodel")
        is_of_task = path.parts[0] == "tasks" and len(path.parts) > 2
        imports = _imports(tree)
        for statement in tree.body:
            name = _definition(statement) if is_below else None
            if name == "__all__":
                continue
            if name and isinstance(statement, ast.FunctionDef | ast.ClassDef) and not name.startswith("_"):
                self.public_names.add(name)
            for used_name in _uses(statement, imports):
                if name:
                    self._readers[self._key(used_name, path)].add(self._key(name, path))
                else:
                    self._others[self._key(used_name, path)].add(path.parts[1] if is_of_task else path.as_posix())

    @staticmethod
    def _key(name: str, path: Path) -> str:
        return f"{path}:{name}" if name.startswith("_") else name

    def users(self, name: str) -> set[str]:
        """Returns the folders of tasks and the modules elsewhere that use a public name, at once or by others."""
        names, new_names = {name}, {name}
        while new_names:
            new_names = set().union(*(self._readers[name] for name in new_names)) - names
            names |= new_names
        return set().union(*(self._others[name] for name in names))


def test_what_one_task_alone_uses_is_not_in_the_layers_below() -> None:
    layers = _LayerUsers()
    assert {"answering", "tagging", "classification"} <= layers.users("bert_network")
    assert "workflows/publish.py" in layers.users("make_encoder")
    folders = set(_folders_by_task().values())
    users = {name: layers.users(name) for name in layers.public_names}
    assert {name: names for name, names in users.items() if len(names) == 1 and names <= folders} == {}


def test_the_top_of_the_library_is_seen_at_a_glance() -> None:
    listing = subprocess.run(["git", "ls-files", "tfapp"], cwd=ROOT, check=True, capture_output=True, text=True)
    entries = {line.split("/")[1] for line in listing.stdout.splitlines()}
    assert 10 < len(entries) <= 24


def test_every_package_says_what_may_live_in_it() -> None:
    packages = sorted((ROOT / "tfapp").rglob("__init__.py"))
    assert packages
    for package in packages:
        docstring = ast.get_docstring(_parse(package)) or ""
        first_line = docstring.partition("\n")[0]
        assert first_line.endswith("."), f"{package} has no sentence for a first line"
        assert len(re.findall(r"[A-Za-z]{2,}", first_line)) >= 6, f"{package} says too little: {first_line}"


def _type_names(tree: ast.Module) -> Iterator[str]:
    """Yields the names of a module's classes, and of its type aliases, which are written as those of classes are."""
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and re.fullmatch(r"_*[A-Z]\w*[a-z]\w*", target.id):
                yield target.id


def test_no_two_classes_or_type_aliases_have_one_name() -> None:
    names: dict[str, list[Path]] = {}
    for folder in ("tfapp", "serving/client/tfapp_client", "tests", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            for name in _type_names(_parse(file)):
                # Of the library, a private name counts as a public one.
                key = name if folder in ("tests", "benchmarks") else name.lstrip("_")
                names.setdefault(key, []).append(file.relative_to(ROOT))
    assert {"OnProgress", "TokenBatch", "TrendGrouping"} <= names.keys()
    assert {name: files for name, files in names.items() if len(files) > 1} == {}
