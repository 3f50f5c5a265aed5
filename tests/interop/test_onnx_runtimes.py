"""Tests that ONNX models answer alike by OpenVINO and ONNX Runtime, in an environment without tfapp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exports.onnx.test_onnx_models import compare, export, random_rows
from tests.interop.conftest import AskLibrary
from tests.networks import MODELS, build
from tfapp.models.unknown import Unknown
from tfapp.savedmodel.verify import hard_rows
from tfapp.workflows.predict import graph_of

FURTHER = {"windows": ("mean", {"window": 12}), "guidance": ("pooler", {}), "boundary": ("pooler", {})}


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", [*MODELS, *FURTHER])
def test_a_runtime_gives_the_same_answers(
    name: str, runtime: str, shallow_preset: Path, tmp_path: Path, ask: AskLibrary
) -> None:
    network, settings = FURTHER.get(name, (name, {}))
    model: Any = build(shallow_preset, network, **settings)
    if name in ("guidance", "boundary"):
        references = np.eye(3, dtype=np.float32)
        radii = np.full(3, 0.4, np.float32) if name == "boundary" else None
        model.unknown = Unknown("none", by=name, limit=0.1, scale=0.5, references=references, radii=radii)
    decoder = type(export(model, tmp_path / "toy"))
    rows = [*hard_rows(len(model.inputs)), *random_rows(model, 20, seed=1)]
    module = decoder.__module__.rpartition(".")[2]
    answers = ask(runtime, tmp_path / "toy", rows, module=module, kind=decoder.__name__)
    arrays = {
        key: np.array(values, object if key in ("label", "labels", "tag", "answer") else None)
        for key, values in answers.items()
    }
    compare(arrays, graph_of(model)(rows), rows)
