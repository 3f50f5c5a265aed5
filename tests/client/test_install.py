"""The distribution by itself, in an environment without TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_PROJECT = Path(__file__).parents[2] / "serving" / "client"
_PROBE = """
import importlib.util, json, pathlib, resource, time
began = time.perf_counter()
from tfapp_client import Client
seconds = time.perf_counter() - began
# On Linux ru_maxrss begins with the parent's; the pages held now are this process's own. Elsewhere it is in bytes.
held = pathlib.Path("/proc/self/statm")
size = int(held.read_text().split()[1]) * resource.getpagesize() if held.exists() else None
megabytes = (size or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / (1 << 20)
from tfapp_client.testing import FakeTransport
fake = FakeTransport().classifier("news", lambda text: {"sport": 0.75, "tech": 0.25})
label = Client(transport=fake).classify("news", ["a"])[0].label
absent = [name for name in ("tensorflow", "keras", "tensorflow_serving") if importlib.util.find_spec(name) is None]
print(json.dumps({"seconds": seconds, "megabytes": megabytes, "label": label, "absent": absent}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    # A copy, so that the build leaves nothing in the source tree.
    source = folder / "source"
    subprocess.run(["cp", "-r", str(_PROJECT), str(source)], check=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(source)]
    subprocess.run(command, check=True, cwd=folder)
    return python


def test_works_without_tensorflow_and_stays_small(python: Path, tmp_path: Path) -> None:
    process = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, check=True, cwd=tmp_path)
    answer = json.loads(process.stdout)
    assert answer["label"] == "sport"
    assert answer["absent"] == ["tensorflow", "keras", "tensorflow_serving"]
    assert answer["megabytes"] < 60


def test_brings_its_types_and_nothing_more_than_it_needs(python: Path) -> None:
    code = (
        "import importlib.metadata as m, importlib.resources as r; "
        "print(r.files('tfapp_client').joinpath('py.typed').is_file(), sorted(m.requires('tfapp-client')))"
    )
    process = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=Path(sys.prefix))
    assert process.stdout.split()[0] == "True"
    assert [name in process.stdout for name in ("grpcio", "protobuf", "numpy", "tensorflow")] == [
        True,
        True,
        True,
        False,
    ]
