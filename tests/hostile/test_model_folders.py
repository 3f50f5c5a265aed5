"""A SavedModel's folder with faults: it is loaded or refused, and what is loaded already goes on."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.attack import AttackPlan, attack
from tests.hostile.draws import maybe, mutate, nest, text
from tests.served_models import write_numbers
from tfapp.errors import TfappError
from tfapp.server.servables.servable import Servable
from tfapp.workflows.version_catalogue import describe

_METADATA = ("task", "preset", "labels", "metrics", "data", "exported", "checks_inputs")


@pytest.fixture(scope="module")
def good_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_numbers(tmp_path_factory.mktemp("good"), 1)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tfapp.json").write_text('{"task": "classification", "labels": ["a"]}')
    return folder


def damage(folder: Path, source: random.Random) -> None:
    """Takes a file away, cuts it, or puts faults into it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = source.choice(files)
    match source.randrange(5):
        case 0:
            path.unlink()
        case 1:
            path.write_bytes(path.read_bytes()[: source.randrange(path.stat().st_size + 1)])
        case 2:
            metadata = {source.choice(_METADATA): nest(source, text) for _ in range(source.randrange(4))}
            (folder / "assets.extra" / "tfapp.json").write_text(
                json.dumps(metadata if maybe(source, 0.8) else nest(source, text))
            )
        case 3:
            path.unlink()
            path.mkdir()
        case _:
            path.write_bytes(mutate(path.read_bytes(), source))


def test_any_folder(good_folder: Path, tmp_path: Path, plan: AttackPlan) -> None:
    servable = Servable("numbers", 1, good_folder)
    folder = tmp_path / "models" / "numbers" / "1"

    def strike(source: random.Random) -> None:
        shutil.copytree(good_folder, folder)
        damage(folder, source)
        # The server answers any error at a load as the version's state.
        with suppress(Exception):
            Servable("numbers", 1, folder)
        with suppress(TfappError):
            describe(models=tmp_path / "models")
        shutil.rmtree(folder)

    def still_good() -> None:
        answer = servable.signatures["serving_default"].run({"x": np.array([1, 2], np.float32)}, ["x2"])
        assert answer["x2"].tolist() == [2, 4]

    attack(plan, 20, strike, still_good)
