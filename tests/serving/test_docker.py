from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.serving.deployment import DOCKER, ROOT, compose, dockerfile, health_check, images


def test_compose_keeps_to_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    process = subprocess.run([*command, DOCKER / "compose.yaml"], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout


@pytest.mark.parametrize("file", [DOCKER / "Dockerfile", ROOT / "Dockerfile"], ids=["serving", "training"])
def test_hadolint_finds_nothing(file: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    process = subprocess.run([hadolint, "--no-color", file], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "")


def test_every_image_is_of_one_version_and_used() -> None:
    versions = images()
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image) for image in versions.values()), versions
    images_of_compose = {service["image"] for service in compose()["services"].values()}
    assert set(versions.values()) <= images_of_compose


def test_the_version_of_the_server_stands_in_one_place() -> None:
    tag = images()["TENSORFLOW_SERVING_IMAGE"].partition(":")[2]
    folders = [ROOT / "serving", ROOT / "tfapp", ROOT / "README.md", ROOT / "Makefile", ROOT / "Dockerfile"]
    files = [file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*"))]
    places = [
        file.relative_to(ROOT).as_posix()
        for file in files
        if file.is_file() and re.search(rf"serving:\D?{re.escape(tag)}", file.read_text("utf-8", errors="ignore"))
    ]
    assert places == ["serving/docker/.env"]


def test_what_compose_mounts_and_builds_from_exists() -> None:
    services = compose()["services"]
    sources = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    build = services["image"]["build"]
    # MODELS is the user's own.
    paths = {source for source in sources if source.startswith(".")} - {"../../models"}
    assert paths
    assert [path for path in paths if not (DOCKER / path).is_dir()] == []
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
    files = [source for line in dockerfile()["COPY"] if "--from" not in line for source in line.split()[:-1]]
    assert [source for source in files if not (DOCKER / build["context"] / source).is_file()] == []
    assert build["args"] == {"TENSORFLOW_SERVING_IMAGE": images()["TENSORFLOW_SERVING_IMAGE"]}
    assert set(build["additional_contexts"]) == set(re.findall(r"--from=(\w+)", "\n".join(dockerfile()["COPY"])))


@pytest.mark.parametrize("name", ["serving", "prometheus", "grafana"])
def test_a_service_is_confined_watched_and_restarted(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_server_runs_as_nobody_of_note() -> None:
    assert compose()["services"]["serving"]["user"] == dockerfile()["USER"][0] == "65532:65532"
    assert all(volume.endswith(":ro") for volume in compose()["services"]["serving"]["volumes"])


def test_the_image_starts_as_the_service_does() -> None:
    service, image = compose()["services"]["serving"], dockerfile()
    assert json.loads(image["ENTRYPOINT"][0]) == service["entrypoint"]
    assert json.loads(image["CMD"][0]) == service["command"]
    check = re.fullmatch(r"(?:--\S+ )+CMD (?P<command>.*)", image["HEALTHCHECK"][0])
    assert check is not None
    assert ["CMD", *json.loads(check["command"])] == service["healthcheck"]["test"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, False), (503, False)])
def test_the_health_check_believes_a_200_only(status: int, healthy: bool) -> None:
    with _page(status, paths := []) as port:
        assert (health_check(port) == 0) is healthy
    assert paths == ["/monitoring/prometheus/metrics"]


def test_the_health_check_fails_where_nobody_listens() -> None:
    with _page(200, []) as port:
        pass
    assert health_check(port) != 0


@contextmanager
def _page(status: int, paths: list[str]) -> Iterator[int]:
    """A server on a free port that answers every request with one status, and a body that mentions 200."""

    def answer(handler: Any) -> None:
        paths.append(handler.path)
        handler.send_response(status)
        handler.end_headers()
        handler.wfile.write(b"requests 200 \n")

    quiet: Callable[..., None] = lambda *_arguments: None  # noqa: E731
    handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": quiet})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
