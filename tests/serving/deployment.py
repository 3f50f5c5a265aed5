"""The files under serving/docker and serving/kubernetes, read as compose and kubectl read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "BASE",
    "CONFIG",
    "DOCKER",
    "KUBERNETES",
    "ROOT",
    "compose",
    "dockerfile",
    "health_check",
    "images",
    "manifest",
    "manifests",
    "read_yaml",
    "rendered",
]

ROOT = Path(__file__).parents[2]
CONFIG, DOCKER, KUBERNETES = (ROOT / "serving" / name for name in ("config", "docker", "kubernetes"))
BASE = KUBERNETES / "base"


def read_yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def images() -> dict[str, str]:
    """The images of .env, by the name that compose knows them by."""
    lines = (DOCKER / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose() -> dict[str, Any]:
    """The compose file with .env and its defaults filled in."""
    known = images()

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name not in known and default is None:
            raise AssertionError(f"{name} has no value in .env and no default")
        return known.get(name, default or "")

    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", value, text)
    found: dict[str, Any] = yaml.safe_load(filled)
    return found


def dockerfile() -> dict[str, list[str]]:
    """The Dockerfile's instructions: what follows each of them, line breaks joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found: dict[str, list[str]] = {}
    for line in filter(None, joined.splitlines()):
        instruction, _, rest = line.partition(" ")
        found.setdefault(instruction, []).append(rest)
    return found


def health_check(port: int) -> int:
    """Runs the server's health check against a port of this machine; its exit status, 0 for healthy."""
    _, *command = compose()["services"]["serving"]["healthcheck"]["test"]
    local = [part.replace("/8501", f"/{port}") for part in command]
    return subprocess.run(local, capture_output=True, check=False, timeout=30).returncode


def manifests() -> dict[str, dict[str, Any]]:
    """The manifests of the base as they stand in their files, by KIND/NAME."""
    files = [file for file in BASE.glob("*.yaml") if file.name != "kustomization.yaml"]
    return _by_name("\n---\n".join(file.read_text(encoding="utf-8") for file in files))


def manifest(kind: str, name: str = "tfapp-serving") -> dict[str, Any]:
    return manifests()[f"{kind}/{name}"]


def rendered(folder: Path) -> dict[str, dict[str, Any]] | None:
    """Returns what kustomize makes of a folder, by KIND/NAME; None where neither kustomize nor kubectl is installed."""
    for program, *arguments in (("kustomize", "build"), ("kubectl", "kustomize")):
        if found := shutil.which(program):
            done = subprocess.run([found, *arguments, str(folder)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return _by_name(done.stdout)
    return None


def _by_name(text: str) -> dict[str, dict[str, Any]]:
    documents = [document for document in yaml.safe_load_all(text) if document]
    return {f"{document['kind']}/{document['metadata']['name']}": document for document in documents}
