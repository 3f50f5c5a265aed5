"""Presets by catalogue name, folder and handle; errors that name the way out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file

from tests.toy import VOCABULARY
from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models import load_preset
from tfapp.tasks.models import build_model


def write_hugging_face_bert(folder: Path, *, lowercase: bool = True) -> Path:
    """A Hugging Face BERT checkpoint of one layer, written without its library."""
    folder.mkdir()
    width, inner, random = 8, 16, np.random.default_rng(0)
    config = {
        "model_type": "bert",
        "vocab_size": len(VOCABULARY),
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": width,
        "intermediate_size": inner,
        "max_position_embeddings": 32,
    }
    shapes = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), width),
        "embeddings.position_embeddings.weight": (32, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
    }
    layer = "encoder.layer.0."
    for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        shapes |= {f"{layer}{name}.weight": (width, width), f"{layer}{name}.bias": (width,)}
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes |= {f"{layer}{name}.weight": (width,), f"{layer}{name}.bias": (width,)}
    shapes |= {f"{layer}intermediate.dense.weight": (inner, width), f"{layer}intermediate.dense.bias": (inner,)}
    shapes |= {f"{layer}output.dense.weight": (width, inner), f"{layer}output.dense.bias": (width,)}
    save_file(
        {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return folder


def test_a_hugging_face_folder(tmp_path: Path) -> None:
    preset = load_preset(str(write_hugging_face_bert(tmp_path / "bert")))
    assert preset.vocabulary == tuple(VOCABULARY)
    assert preset.lowercase
    assert preset.backbone().hidden_dim == 8


def test_case_is_read_from_the_preset(tmp_path: Path) -> None:
    assert not load_preset(str(write_hugging_face_bert(tmp_path / "bert", lowercase=False))).lowercase


def test_a_keras_hub_folder(toy_preset: Path) -> None:
    preset = load_preset(str(toy_preset))
    assert preset.vocabulary == tuple(VOCABULARY)
    model = build_model("classification", ModelSettings(preset=str(toy_preset), max_length=16), ["a", "b"])
    ids = model.preprocessor(tf.constant(["the ball"]))
    assert model.network(model.preprocessor.pad(ids)).shape == (1, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minilm-l7", 'did you mean "minilm-l6"'),
        ("bert_base_en_uncase", 'did you mean "bert_base_en_uncased"'),
        ("qqqq", "known: "),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as excinfo:
        load_preset(name)
    assert "\n" not in str(excinfo.value)


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_preset(str(tmp_path))


def test_a_broken_checkpoint_is_one_line(tmp_path: Path) -> None:
    folder = write_hugging_face_bert(tmp_path / "bert")
    (folder / "model.safetensors").write_bytes(b"nothing")
    preset = load_preset(str(folder))
    with pytest.raises(ModelError, match="cannot be loaded") as excinfo:
        preset.backbone()
    assert "\n" not in str(excinfo.value)


def test_more_tokens_than_positions_is_named(toy_preset: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.max_length is 65, .* at most 64 tokens"):
        build_model("classification", ModelSettings(preset=str(toy_preset), max_length=65), ["a", "b"])
