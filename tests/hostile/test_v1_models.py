"""SavedModels of TensorFlow 1 that would write a file: each is refused, or the file is never written."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.hostile.attack import AttackPlan, attack
from tests.hostile.graph_branches import CALLS, OPS, Branches
from tests.hostile.v1_models import PLACES, write_v1_model
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.servable import Servable, check_version

_TEXTS = np.array([b"a", b"b"], object)
# Of the others, TensorFlow runs some by chance, or none.
_RUN = ("output", "table initialisers", "legacy init op", "main op", "init signature", "local initialiser", "restore")


@pytest.fixture(scope="module")
def good_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v1_model(tmp_path_factory.mktemp("good") / "1")


def plant(folder: Path, place: str, target: Path, source: random.Random, **options: Any) -> Branches:
    """Puts a branch that writes a file into a version."""
    file = folder / "saved_model.pb"
    content = _rename_functions(file.read_bytes(), source)
    model = saved_model_pb2.SavedModel.FromString(content)
    branches = Branches(model.meta_graphs[0], str(target), source, **options)
    PLACES[place](branches)
    file.write_bytes(model.SerializeToString())
    return branches


def _rename_functions(content: bytes, source: random.Random) -> bytes:
    """Gives a model's functions names of their own, as a process takes those that it knows for what they were."""
    model = saved_model_pb2.SavedModel.FromString(content)
    names = [function.signature.name.encode() for function in model.meta_graphs[0].graph_def.library.function]
    for name in sorted(names, key=len, reverse=True):
        content = content.replace(name, b"f%0*d" % (len(name) - 1, source.randrange(10 ** (len(name) - 1))))
    return content


def run_all(folder: Path) -> None:
    """Loads a version as the embedded server does, without its check, and as TensorFlow Serving does, and calls it."""
    for run in (_run_servable, _run_session):
        # A graph may be none that TensorFlow takes.
        with suppress(Exception):
            run(folder)


def _run_servable(folder: Path) -> None:
    servable = Servable("m", 1, folder, allow_unsafe_ops=True)
    for name, signature in servable.signatures.items():
        with suppress(Exception):
            signature.run({"text": _TEXTS}, list(servable.definitions[name].outputs))


def _run_session(folder: Path) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        for signature in graph.signature_def.values():
            feeds = {tensor.name: _TEXTS for tensor in signature.inputs.values()}
            # One that fails, as that of the local variable, which nobody sets here, would end the others.
            for output in signature.outputs.values():
                with suppress(Exception):
                    session.run(output.name, feeds)


def test_the_model_itself_is_taken(good_folder: Path) -> None:
    answer = Servable("m", 1, good_folder).signatures["serving_default"].run({"text": _TEXTS}, ["number", "upper"])
    assert (answer["number"].tolist(), answer["upper"].tolist()) == ([3, 4], [b"A", b"B"])


@pytest.mark.parametrize(
    ("place", "options"),
    [
        *((place, {"op": "WriteFile", "calls": ()}) for place in _RUN),
        *(("output", {"op": op, "calls": ()}) for op in OPS if op != "WriteFile"),
        *(("output", {"op": "WriteFile", "calls": (call,)}) for call in CALLS),
    ],
)
def test_what_is_planted_is_seen_and_would_be_run(
    good_folder: Path, tmp_path: Path, place: str, options: dict[str, Any]
) -> None:
    folder, target = tmp_path / "m" / "1", tmp_path / "written"
    shutil.copytree(good_folder, folder)
    target.mkdir()
    plant(folder, place, target / "file", random.Random(0), **options)
    with pytest.raises(RequestError, match=f"runs {options['op']}, which writes files"):
        check_version(folder)
    run_all(folder)
    assert list(target.iterdir())


def test_any_place(good_folder: Path, tmp_path: Path, plan: AttackPlan) -> None:
    folder, target, outcomes = tmp_path / "m" / "1", tmp_path / "written", Counter[str]()
    target.mkdir()

    def strike(source: random.Random) -> None:
        shutil.copytree(good_folder, folder)
        place = source.choice(list(PLACES))
        branches = plant(folder, place, target / "file", source)
        try:
            check_version(folder)
            outcomes["taken"] += 1
            run_all(folder)
        except RequestError:
            outcomes["refused"] += 1
        shutil.rmtree(folder)
        written_files = list(target.iterdir())
        assert not written_files, f"{branches.op} in {place}, behind {branches.calls}, is run and not refused"

    def still_good() -> None:
        check_version(good_folder)

    attack(plan, 60, strike, still_good)
    assert min(outcomes["taken"], outcomes["refused"]) > 0
