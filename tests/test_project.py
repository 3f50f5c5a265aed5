"""The files around the code agree with each other and with the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tfapp
from tfapp.cli.app import app

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCK, BUILD_LOCK = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-build.lock")
)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "examples/README.md",
    "examples/console.md",
    "examples/monitor.md",
    "examples/recommend.md",
    "examples/support.md",
    "serving/versions.md",
)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_exists(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    paths = [target for target in targets if "://" not in target]
    folder = (ROOT / page).parent
    assert [target for target in paths if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_paths_that_a_page_names_exist(page: str) -> None:
    folders = "tfapp|serving|tests|examples|notebooks"
    paths = re.findall(rf"`((?:{folders})/[\w./-]*)`", (ROOT / page).read_text(encoding="utf-8"))
    # NAME stands for the reader's own.
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_make_targets_that_a_page_names_exist(page: str) -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= _make_targets()


def test_every_command_of_a_page_exists() -> None:
    pages = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    # After a line break, a backtick or a prompt: commands, not sentences about tfapp.
    names = set(re.findall(r"(?:^|`|\$ )tfapp ([a-z]+)", pages, re.MULTILINE))
    assert names <= _commands()


def test_the_makefile_has_what_a_user_types() -> None:
    assert {"demo", "test", "test-full", "check", "format", "install", "help"} <= _make_targets()
    names = set(re.findall(r'@echo "make ([a-z-]+)', MAKEFILE))
    assert names <= _make_targets()


def test_ci_runs_existing_targets_and_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    (targets,) = re.findall(r"^for target in (.+); do$", script.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(targets.split()) == {"check", "test", "test-full"} <= _make_targets()


def test_help_lists_every_command_file_and_loads_no_tensorflow() -> None:
    ask = "import sys; sys.argv[1:] = ['--help']; from tfapp.cli.app import main"
    report = "print(*sorted({'tensorflow', 'keras', 'tfapp_client.client', 'grpc'} & set(sys.modules)))"
    out = _python(f"{ask}\ntry:\n  main()\nexcept SystemExit as end:\n  assert not end.code, end.code\n{report}")
    *text, modules = out.splitlines()
    files = {path.stem for path in (ROOT / "tfapp" / "cli").glob("[a-z]*.py")} - {"app"}
    files |= {path.parent.name for path in (ROOT / "tfapp" / "apps").glob("*/cli.py")}
    assert files == _commands()
    assert files <= {word for line in text for word in line.split()}
    assert modules == ""


def test_importing_tfapp_loads_nothing_heavy() -> None:
    out = _python("import sys, tfapp; print(*sorted({'tensorflow', 'keras', 'pydantic', 'numpy'} & set(sys.modules)))")
    assert out == "\n"


def test_every_direct_dependency_is_pinned_and_nothing_else(project: dict[str, Any]) -> None:
    own_packages = {"tfapp-client"}
    direct = {_name(requirement) for requirement in project["dependencies"]} - own_packages
    pins = _pins("requirements.txt")
    assert set(pins) == direct
    assert all(re.fullmatch(r"==[\d.]+", pin) for pin in pins.values()), pins


@pytest.mark.parametrize(
    ("file", "extras"),
    [("requirements-apps.txt", ("apps", "postgres")), ("requirements-search.txt", ("search", "tracking"))],
)
def test_what_extras_need_is_pinned_and_nothing_else(project: dict[str, Any], file: str, extras: list[str]) -> None:
    requirements = [line for extra in extras for line in project["optional-dependencies"][extra]]
    pins = _pins(file)
    assert set(pins) == {_name(requirement) for requirement in requirements}
    assert all(re.fullmatch(r"(\[\w+\])?==[\d.]+", pin) for pin in pins.values()), pins


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-apps.txt", "requirements-search.txt"])
def test_the_pins_are_what_the_tests_run_with(file: str) -> None:
    pins = {name: pin.partition("]")[2] or pin for name, pin in _pins(file).items()}
    assert {name: f"=={version(name)}" for name in pins} == pins


@pytest.mark.parametrize(("file", "lock"), [("requirements.txt", LOCK), ("requirements-build.txt", BUILD_LOCK)])
def test_a_lock_has_every_pin_and_all_that_it_brings_by_hash(file: str, lock: str) -> None:
    locks, pins = _read_lock(lock), _pins(file)
    assert {name: locks[name] for name in pins} == {name: {pin} for name, pin in pins.items()}
    queue, names = list(pins), set[str]()
    while queue:
        if (name := queue.pop()) not in names:
            names.add(name)
            needs = [Requirement(need) for need in _requires(name)]
            requirements = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
            queue += [canonicalize_name(need.name) for need in requirements]
    assert names <= set(locks)


@pytest.mark.parametrize("lock", [LOCK, BUILD_LOCK], ids=["run", "build"])
def test_a_lock_has_no_address_and_nothing_without_a_hash(lock: str) -> None:
    entry = r"[a-z0-9-]+==[\w.]+(?: ; [^\n\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"(?:{entry})+", lock)
    assert not re.search(r"://|index|find-links|@", lock)


def test_what_builds_has_one_version_and_is_what_the_builds_ask_for() -> None:
    """Our wheels' build requirements, and those of seqeval, which are in its setup.py."""
    locks, build_locks = _read_lock(LOCK), _read_lock(BUILD_LOCK)
    assert {name: locks[name] for name in {*locks} & {*build_locks}} == {
        name: build_locks[name] for name in {*locks} & {*build_locks}
    }
    for folder in (".", "serving/client"):
        system = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
        for need in map(Requirement, system["requires"]):
            (pin,) = build_locks[need.name]
            assert need.specifier.contains(pin.removeprefix("=="))
    assert "setuptools-scm" in build_locks


def test_the_image_installs_and_builds_nothing_that_is_not_locked() -> None:
    installs = re.findall(r"pip --python \S+ install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert installs == [
        "--require-hashes --requirement requirements-build.lock",
        "--require-hashes --no-build-isolation --requirement requirements.lock",
        # The libraries of a GPU, where they are asked for.
        '--requirement requirements.txt "tensorflow${TENSORFLOW_EXTRAS}";',
        "--no-deps --no-build-isolation ./serving/client .",
    ]


def test_the_extras_ask_for_the_same_tensorflow(project: dict[str, Any]) -> None:
    (tensorflow,) = [item for item in project["dependencies"] if _name(item) == "tensorflow"]
    assert project["optional-dependencies"]["gpu"] == [tensorflow.replace("tensorflow", "tensorflow[and-cuda]")]


def test_the_version_is_written_once(project: dict[str, Any]) -> None:
    assert "version" in project["dynamic"]
    assert "version" not in project
    assert version("tfapp") == tfapp.__version__
    lines = [line for file in (ROOT / "tfapp").rglob("*.py") for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if re.match(r"__version__\s*=", line)] == [f'__version__ = "{tfapp.__version__}"']


def test_the_licence_is_apache(project: dict[str, Any]) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]


def test_the_image_copies_what_exists_and_is_sent_to_it() -> None:
    lines = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    paths = {source for sources in lines for source in sources}
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    assert paths == {line[1:] for line in ignore if line.startswith("!")}
    assert all((ROOT / source).exists() for source in paths)


def test_the_image_runs_as_no_root_on_one_python(project: dict[str, Any]) -> None:
    final = DOCKERFILE.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\d+)", final, re.MULTILINE)
    assert user != "0"
    (python,) = re.findall(r"^ARG PYTHON=([\d.]+)$", DOCKERFILE, re.MULTILINE)
    assert project["requires-python"].startswith(f">={python}")
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:${PYTHON}-slim"}


def _commands() -> set[str]:
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return names | {group.name or "" for group in app.registered_groups}


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def _requires(name: str) -> list[str]:
    """Returns what a distribution needs; setuptools-scm is where builds are, and not here."""
    return ["packaging>=20", "setuptools"] if name == "setuptools-scm" else requires(name) or []


def _read_lock(lock: str) -> dict[str, set[str]]:
    locks: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([a-z0-9-]+)(==[\w.]+)", lock, re.MULTILINE):
        locks.setdefault(name, set()).add(pin)
    return locks


def _pins(file: str) -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return {_name(line): line[len(_name(line)) :] for line in lines if line and not line.startswith("-")}


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_times_of_day_are_asked_where_they_are_kept_or_shown_and_nowhere_else() -> None:
    """How long something takes is told by a monotonic clock, which nobody sets: of these files, each must know why."""
    files = [
        path for folder in ("tfapp", "serving") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".js")
    ]
    pattern = re.compile(r"\btime\.time(_ns)?\b|\b(datetime|date)\.(now|utcnow|today)\b|\bDate\.now\b|\bnew Date\(\)")
    places = {str(path.relative_to(ROOT)) for path in files if pattern.search(path.read_text(encoding="utf-8"))}
    assert places == {
        "tfapp/core/clock.py",
        "tfapp/registry/history.py",
        # Both name files that must come after all earlier ones.
        "tfapp/training/run_folder.py",
        "tfapp/training/tensorboard.py",
    }
