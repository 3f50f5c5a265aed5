"""Files of adapters under attack: one is loaded and answers, or is refused as something that the user can mend."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.hostile.attack import AttackPlan, attack
from tfapp import AdaptedBackbone
from tfapp.config import ModelSettings, TrainingSettings
from tfapp.errors import TfappError
from tfapp.models import BertModel
from tfapp.models.adapters import AdapterFile
from tfapp.tasks.models import build_model
from tfapp.training.adaptation import Adaptation
from tfapp.workflows.adapter_export import with_model

ODD: tuple[Any, ...] = (None, -1, 0, 10**9, float("nan"), "", "cls", [], {}, [["a"]], {"text": 1}, True, "dora", "head")


@pytest.fixture(scope="module")
def good_file(shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that has learnt nothing."""
    settings = ModelSettings(preset=str(shallow_preset), max_length=16, pooling="mean")
    model = build_model("classification", settings, ["a", "b"])
    assert isinstance(model, BertModel)
    file = tmp_path_factory.mktemp("adapter") / "good.safetensors"
    Adaptation(model, TrainingSettings(adapt="dora")).save(file)
    with_model(AdapterFile.load(file), model, "toy").save(file)
    return file


def test_any_adapter(shallow_preset: Path, good_file: Path, tmp_path: Path, plan: AttackPlan) -> None:
    backbone = AdaptedBackbone(str(shallow_preset))
    backbone.load("good", good_file)
    backbone.switch("good")
    expected = backbone.predict(["a text"])["probabilities"]

    def strike(source: random.Random) -> None:
        file = tmp_path / "odd.safetensors"
        source.choice((write_corrupted, write_odd_facts, write_odd_tensors))(source, good_file, file)
        with suppress(TfappError):
            backbone.load("odd", file)
            backbone.switch("odd")
            backbone.predict(["a text"])
        if "odd" in backbone.names:
            backbone.unload("odd")

    def still_good() -> None:
        backbone.switch("good")
        np.testing.assert_allclose(backbone.predict(["a text"])["probabilities"], expected, atol=1e-6)

    attack(plan, 40, strike, still_good)


def write_corrupted(source: random.Random, original: Path, file: Path) -> None:
    content = bytearray(original.read_bytes())
    for _ in range(source.randint(1, 5)):
        content[source.randrange(min(len(content), source.choice((8, 2000, len(content)))))] = source.randrange(256)
    file.write_bytes(content[: source.choice((len(content), source.randrange(len(content))))])


def write_odd_facts(source: random.Random, good: Path, file: Path) -> None:
    tensors, facts = read(good)
    place: Any = facts
    while True:
        name = source.choice(sorted(place))
        if not isinstance(place[name], dict) or source.random() < 0.2:
            break
        place = place[name]
    place[name] = source.choice(ODD)
    save_file(tensors, file, metadata={"tfapp_adapter": json.dumps(facts)})


def write_odd_tensors(source: random.Random, good: Path, file: Path) -> None:
    tensors, facts = read(good)
    name = source.choice(sorted(tensors))
    value = tensors.pop(name)
    odd_value = source.choice(
        (value.T, value[:1], value[..., None], value.astype(np.int64), np.full_like(value, np.nan))
    )
    name = source.choice((name, name[:-1], f"{name}/a", "kernel/query/99/a", "other/name", "array/references"))
    save_file({**tensors, name: np.ascontiguousarray(odd_value)}, file, metadata={"tfapp_adapter": json.dumps(facts)})


def read(file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with safe_open(file, framework="np") as weights_file:
        tensors = {name: weights_file.get_tensor(name) for name in weights_file.keys()}  # noqa: SIM118 - it is no mapping
        return tensors, json.loads(weights_file.metadata()["tfapp_adapter"])
