"""Adapters alone: small files, switched on one backbone, refused on another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.toy import toy_experiment, toy_text, write_toy_preset
from tests.toy_exports import ToyExports
from tests.training.test_loop import new_folder, run
from tfapp import AdaptedBackbone, Run
from tfapp.core.rows import to_columns
from tfapp.errors import ModelError, SettingsError
from tfapp.models import BertModel
from tfapp.models.adapters import AdapterFile
from tfapp.tasks.experiments import parse_experiment
from tfapp.workflows.adapter_export import with_model

TEXTS = [toy_text("sport", 901), toy_text("tech", 902), "", "Crème brûlée 今日は 😍"]
TRAINING: dict[str, dict[str, Any]] = {
    "lora": {"adapt": "lora", "lora_targets": ["query", "attention_output"], "ema_decay": 0.9},
    "dora": {"adapt": "dora"},
    "adalora": {"adapt": "adalora", "adalora_interval": 2},
    "head": {"adapt": "head"},
}
# Of two kernels of 32 x 32; adalora's four triplets in the mean are what is left of six.
TRAINED = {
    "lora": 2 * 4 * (32 + 32) + 99,
    "dora": 2 * (4 * (32 + 32) + 32) + 99,
    "adalora": 2 * 4 * (32 + 1 + 32) + 99,
    "head": 99,
}


@pytest.fixture(scope="module")
def runs(shallow_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    steps = {"epochs": 1, "learning_rate": 2e-2, "lora_rank": 4}
    runs = {}
    for name, training in TRAINING.items():
        # Which of its weights tell a backbone apart depends on whether the network reads the pooler.
        model = {"pooling": "cls" if name == "dora" else "mean"}
        values = toy_experiment(shallow_preset, toy_data, training={**steps, **training}, model=model) | {"name": name}
        experiment = parse_experiment(values)
        run_folder = new_folder(experiment, folder)
        run(experiment, run_folder)
        run_folder.write("finished", {})
        runs[name] = Run(run_folder.path)
    return runs


@pytest.fixture(scope="module")
def files(runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {name: run.save_adapter(folder / f"{name}.safetensors") for name, run in runs.items()}


@pytest.fixture(scope="module")
def backbone(shallow_preset: Path, files: dict[str, Path]) -> AdaptedBackbone:
    backbone = AdaptedBackbone(str(shallow_preset))
    for name, file in files.items():
        backbone.load(name, file)
    return backbone


def test_each_adapter_answers_as_its_run_whichever_was_active_before(
    backbone: AdaptedBackbone, runs: dict[str, Run]
) -> None:
    assert backbone.names == tuple(TRAINING)
    for name in [*TRAINING, "dora"]:
        backbone.switch(name)
        answers, expected = backbone.predict(TEXTS), runs[name].predict(TEXTS)
        np.testing.assert_allclose(answers["probabilities"], expected["probabilities"], atol=1e-4)
        np.testing.assert_array_equal(answers["label"], expected["label"])


def test_files_hold_the_trained_weights_only(files: dict[str, Path]) -> None:
    for name, file in files.items():
        adapter = AdapterFile.load(file)
        arrays = [value for weights in adapter.kernels.values() for value in weights.values()]
        count = sum(value.size for value in [*arrays, *adapter.head])
        assert count == TRAINED[name]
        assert file.stat().st_size < 4 * count + 4000


def test_a_model_that_is_saved_has_its_adapter(runs: dict[str, Run]) -> None:
    for name in ("lora", "dora", "adalora"):
        times = [
            file.stat().st_mtime_ns for file in (runs[name].folder.adapter, runs[name].folder.model / "model.json")
        ]
        assert times == sorted(times)


def test_an_unloaded_adapter_leaves_the_preset_s_kernels(
    shallow_preset: Path, files: dict[str, Path], runs: dict[str, Run]
) -> None:
    backbone = AdaptedBackbone(str(shallow_preset))
    for name in ("dora", "head"):
        backbone.load(name, files[name])
    backbone.switch("dora")
    backbone.unload("dora")
    assert backbone.active is None
    assert "dora" not in backbone.names
    with pytest.raises(ModelError, match=r"^no adapter is active; .* loaded: head$"):
        backbone.predict(TEXTS)
    backbone.switch("head")
    expected = runs["head"].predict(TEXTS)["probabilities"]
    np.testing.assert_allclose(backbone.predict(TEXTS)["probabilities"], expected, atol=1e-4)


def test_names_and_rows_are_checked(backbone: AdaptedBackbone, files: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="there is an adapter 'lora' already"):
        backbone.load("lora", files["lora"])
    with pytest.raises(ModelError, match="there is no adapter 'adalor'; did you mean \"adalora\""):
        backbone.switch("adalor")
    backbone.switch("lora")
    with pytest.raises(SettingsError, match="texts is one string"):
        backbone.predict("a text")


def test_an_adapter_of_another_backbone_is_refused(files: dict[str, Path], toy_preset: Path, tmp_path: Path) -> None:
    deeper = AdaptedBackbone(str(toy_preset))
    with pytest.raises(ModelError, match=r"was trained on .* with num_layers 1, this one has 2$"):
        deeper.load("lora", files["lora"])
    other_backbone = AdaptedBackbone(str(write_other_preset(tmp_path / "other")))
    with pytest.raises(ModelError, match=r"with other weights or another vocabulary \(fingerprint \w{8}, this one"):
        other_backbone.load("head", files["head"])


def write_other_preset(folder: Path) -> Path:
    """The shallow preset with one weight changed."""
    import keras_hub

    write_toy_preset(folder, layers=1)
    backbone = keras_hub.models.BertBackbone.from_preset(str(folder))
    backbone.weights[0].assign(backbone.weights[0].numpy() + 1e-6)
    backbone.save_to_preset(str(folder))
    return folder


def test_a_file_that_is_none_is_named(backbone: AdaptedBackbone, tmp_path: Path, files: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="no adapter there"):
        backbone.load("new", tmp_path / "missing")
    (tmp_path / "cut").write_bytes(files["lora"].read_bytes()[:-10])
    with pytest.raises(ModelError, match="it is no adapter, or damaged"):
        backbone.load("new", tmp_path / "cut")


def test_what_a_file_says_of_its_model_is_tried_before_the_first_answer(
    backbone: AdaptedBackbone, tmp_path: Path, files: dict[str, Path]
) -> None:
    adapter = AdapterFile.load(files["head"])
    config = {**adapter.model["config"], "window": ""}
    replace(adapter, model={**adapter.model, "config": config}).save(tmp_path / "odd")
    with pytest.raises(ModelError, match=r"the adapter is damaged .*; write it with run\.save_adapter"):
        backbone.load("odd", tmp_path / "odd")
    assert "odd" not in backbone.names


def test_a_run_of_all_weights_has_no_adapter(toy_run: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it trained every weight, so it has no adapter; train with training\.adapt"):
        toy_run.save_adapter(tmp_path / "all.safetensors")
    assert not (tmp_path / "all.safetensors").exists()


def test_models_of_all_tasks_share_a_backbone(shallow_preset: Path, toy_exports: ToyExports, tmp_path: Path) -> None:
    backbone = AdaptedBackbone(str(shallow_preset))
    models: dict[str, BertModel] = {}
    for name in ("tagging", "ranking apart", "tagging by shapes"):
        model = toy_exports.model(name)
        assert isinstance(model, BertModel)
        for weight in model.weights_beside_backbone():
            weight.assign(weight.numpy() + 0.1)
        file = tmp_path / f"{name}.safetensors"
        with_model(AdapterFile("head", 1.0, model.fingerprint(), {}), model, "toy").save(file)
        if name == "tagging by shapes":
            # Its backbone has a segment for each way in which a word is written.
            with pytest.raises(ModelError, match=r"trained on toy with num_segments \d+, this one has 2"):
                backbone.load(name, file)
            continue
        models[name] = model
        backbone.load(name, file)
    for name, model in models.items():
        backbone.switch(name)
        rows: list[Any] = [("the ball", "a new goal"), ("", "web")] if len(model.inputs) > 1 else TEXTS
        columns = {key: tf.constant(values) for key, values in to_columns(rows, model.inputs).items()}
        expected = model.predict_text(columns)
        for output, values in backbone.predict(rows).items():
            if values.dtype != object:
                np.testing.assert_allclose(values, expected[output], atol=1e-5)
