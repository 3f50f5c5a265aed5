"""Tests what is written for Transformers, as far as that can be read without it; `make test-interop` asks it itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from tests.networks import LENGTH, build
from tfapp.errors import ExportError
from tfapp.exports.huggingface.write import write_stock_model
from tfapp.models import BertModel, load_preset
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown
from tfapp.tasks.registry import find_task


def export(model: BertModel, folder: Path) -> dict[str, Any]:
    find_form = find_task(model.task.name).hugging_face
    assert find_form is not None
    folder.mkdir()
    write_stock_model(model, folder, find_form(model), name="toy", max_length=LENGTH)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def test_temperatures_become_part_of_the_output_layer(shallow_preset: Path, tmp_path: Path) -> None:
    model: Any = build(shallow_preset, "pooler", multi_label=True)
    temperatures = (0.5, 1.5, 2.5)
    model.calibrate(TemperatureScaling(temperatures, 300, ""))
    config = export(model, tmp_path / "toy")
    tensors = load_file(tmp_path / "toy" / "model.safetensors")
    kernel, bias = model.head.get_weights()
    np.testing.assert_allclose(tensors["classifier.weight"], kernel.T / np.array(temperatures)[:, None], rtol=1e-6)
    np.testing.assert_allclose(tensors["classifier.bias"], bias / temperatures, rtol=1e-6)
    assert config["problem_type"] == "multi_label_classification"
    assert config["id2label"] == {"0": "a", "1": "b", "2": "c"}


def test_the_weights_are_a_preset_of_ours_again(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "embedding")
    export(model, tmp_path / "toy")
    backbone = load_preset(str(tmp_path / "toy")).backbone("float32")
    for ours, theirs in zip(model.backbone.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    modules = json.loads((tmp_path / "toy" / "modules.json").read_text())
    assert [module["type"].rpartition(".")[2] for module in modules] == ["Transformer", "Pooling", "Normalize"]


def test_the_tokenizer_frames_texts_and_pairs(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "pairs")
    export(model, tmp_path / "toy")
    tokenizer = Tokenizer.from_file(str(tmp_path / "toy" / "tokenizer.json"))
    assert tokenizer.encode("the ball").tokens == ["[CLS]", "the", "ball", "[SEP]"]
    pair = tokenizer.encode("the ball", "a goal")
    assert (pair.tokens[3:], pair.type_ids) == (["[SEP]", "a", "goal", "[SEP]"], [0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("mean", {}, r"model.pooling is mean, .* train with model.pooling = cls"),
        ("pairs apart", {"pooling": "cls"}, "model.pair_encoder is bi"),
        ("pooler", {"window": 12}, "long texts are read in windows"),
        ("tagging", {"decoding": "crf"}, "decoded by a CRF"),
        ("tagging by shapes", {"decoding": "greedy"}, "how words are written"),
    ],
)
def test_what_no_class_expresses_is_refused_with_the_reason(
    name: str, settings: dict[str, Any], reason: str, shallow_preset: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=reason):
        export(build(shallow_preset, name, **settings), tmp_path / "toy")


def test_none_of_these_is_refused(shallow_preset: Path, tmp_path: Path) -> None:
    model: Any = build(shallow_preset, "pooler")
    model.unknown = Unknown("none")
    with pytest.raises(ExportError, match="none of its labels fits"):
        export(model, tmp_path / "toy")
