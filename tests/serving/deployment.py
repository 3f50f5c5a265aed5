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
    "render",
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
    images_by_name = images()

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name not in images_by_name and default is None:
            raise AssertionError(f"{name} has no value in .env and no default")
        return images_by_name.get(name, default or "")

    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    content = re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", value, text)
    document: dict[str, Any] = yaml.safe_load(content)
    return document


def dockerfile() -> dict[str, list[str]]:
    """The Dockerfile's instructions: what follows each of them, line breaks joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    content = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    instructions: dict[str, list[str]] = {}
    for line in filter(None, content.splitlines()):
        instruction, _, rest = line.partition(" ")
        instructions.setdefault(instruction, []).append(rest)
    return instructions


def health_check(port: int) -> int:
    """Runs the server's health check against a port of this machine; its exit status, 0 for healthy."""
    _, *command = compose()["services"]["serving"]["healthcheck"]["test"]
    local_command = [part.replace("/8501", f"/{port}") for part in command]
    return subprocess.run(local_command, capture_output=True, check=False, timeout=30).returncode


def manifests() -> dict[str, dict[str, Any]]:
    """The manifests of the base as they stand in their files, by KIND/NAME."""
    files = [file for file in BASE.glob("*.yaml") if file.name != "kustomization.yaml"]
    return _by_name("\n---\n".join(file.read_text(encoding="utf-8") for file in files))


def manifest(kind: str, name: str = "tfapp-serving") -> dict[str, Any]:
    return manifests()[f"{kind}/{name}"]


def render(folder: Path) -> dict[str, dict[str, Any]] | None:
    """Returns what kustomize makes of a folder, by KIND/NAME; None where neither kustomize nor kubectl is installed."""
    for program, *arguments in (("kustomize", "build"), ("kubectl", "kustomize")):
        if path := shutil.which(program):
            process = subprocess.run([path, *arguments, str(folder)], capture_output=True, text=True, check=False)
            assert process.returncode == 0, process.stderr
            return _by_name(process.stdout)
    return None


def _by_name(text: str) -> dict[str, dict[str, Any]]:
    documents = [document for document in yaml.safe_load_all(text) if document]
    return {f"{document['kind']}/{document['metadata']['name']}": document for document in documents}
