"""Fewer bits: smaller files, one check on dev, and a refusal that says what is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfapp_client import contract

import tfapp
from tests.run_folders import write_run
from tests.toy import toy_experiment, toy_rows
from tfapp import Run
from tfapp.api import export_preset
from tfapp.config import dump_toml
from tfapp.errors import ExportError, SettingsError
from tfapp.models import BertModel
from tfapp.savedmodel import PackedEncoder
from tfapp.savedmodel.layers import PRECISIONS
from tfapp.tasks.experiments import parse_experiment, read_run_settings
from tfapp.tasks.models import load_model
from tfapp.training import RunFolder
from tfapp.workflows import precision_choice
from tfapp.workflows.precision_check import check_precision
from tfapp.workflows.precision_choice import MeasuredPrecision, choose_export_precision, fastest
from tfapp.workflows.run_data import load_splits

TEXTS = ["the ball, a goal!", "bank stock", "", "web data code 😀"]


def size(version: Path) -> int:
    return sum(file.stat().st_size for file in (version / "variables").iterdir())


def read_metadata(version: Path) -> dict[str, object]:
    return dict(json.loads((version / contract.METADATA_FILE).read_text()))


def answers(version: Path) -> dict[str, np.ndarray]:
    loaded_model = tf.saved_model.load(str(version))
    return {
        name: value.numpy()
        for name, value in loaded_model.signatures["serving_default"](text=tf.constant(TEXTS)).items()
    }


@pytest.fixture(scope="module")
def run(toy_run: Run) -> Run:
    return toy_run


@pytest.fixture(scope="module")
def exact_version(toy_models: Path) -> Path:
    return toy_models / "toy" / "1"


@pytest.fixture(scope="module")
def rounded_versions(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A version by each precision."""
    models = tmp_path_factory.mktemp("rounded")
    return {name: run.export(models / name, overrides=[f"export.precision={name}"]) for name in ("bfloat16", "int8")}


def test_packed_is_what_is_exported(exact_version: Path) -> None:
    assert read_metadata(exact_version)["encoder"] == "packed"
    assert read_metadata(exact_version)["precision"] == "float32"
    assert "differed from the Keras model's" in (exact_version / "README.md").read_text()


@pytest.mark.slow
def test_the_plain_graph_stays_available(run: Run, exact_version: Path, tmp_path: Path) -> None:
    plain_version = run.export(tmp_path, overrides=["export.encoder=plain"])
    assert read_metadata(plain_version)["encoder"] == "plain"
    np.testing.assert_allclose(
        answers(plain_version)["probabilities"], answers(exact_version)["probabilities"], atol=1e-4
    )


@pytest.mark.parametrize(("precision", "share"), [("bfloat16", 0.6), ("int8", 0.5)])
def test_fewer_bits_take_less_room_and_say_what_they_lose(
    run: Run, exact_version: Path, rounded_versions: dict[str, Path], precision: str, share: float
) -> None:
    version = rounded_versions[precision]
    assert size(version) < share * size(exact_version)
    metadata = read_metadata(version)
    check = metadata["precision_check"]
    assert isinstance(check, dict)
    assert check["exact_score"] == pytest.approx(run.folder.read("finished")["dev_score"])
    assert check["score"] == pytest.approx(check["exact_score"], abs=0.1)
    assert (metadata["precision"], metadata["verified_difference"]) == (precision, None)
    assert f"({precision}): accuracy on dev" in (version / "README.md").read_text()
    smaller, reference = answers(version), answers(exact_version)
    assert smaller["label"].tolist() == reference["label"].tolist()
    np.testing.assert_allclose(smaller["probabilities"], reference["probabilities"], atol=0.1)


def test_weights_of_eight_bits_are_unpacked_by_every_loader(rounded_versions: dict[str, Path]) -> None:
    """As TensorFlow Serving does: variables, then the init op, then a session; and twice in one process."""
    version = rounded_versions["int8"]
    first, repeat = answers(version)["probabilities"], answers(version)["probabilities"]
    np.testing.assert_array_equal(first, repeat)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(version)).signature_def["serving_default"]
        names = signature.outputs["probabilities"].name, signature.inputs["text"].name
        outputs = session.run(names[0], {names[1]: TEXTS})
    np.testing.assert_allclose(outputs, first, atol=1e-5)


def measured(*rows: tuple[str, float, float]) -> tuple[MeasuredPrecision, ...]:
    return tuple(MeasuredPrecision(name, rate, score, 0.9 - score > 0.002) for name, rate, score in rows)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("float32", 100, 0.9), ("bfloat16", 160, 0.9), ("int8", 165, 0.9)], "bfloat16"),
        ([("float32", 100, 0.9), ("bfloat16", 104, 0.9), ("int8", 103, 0.9)], "float32"),
        ([("float32", 100, 0.9), ("bfloat16", 160, 0.85), ("int8", 150, 0.899)], "int8"),
        ([("float32", 100, 0.9), ("bfloat16", 60, 0.95), ("int8", 300, 0.5)], "float32"),
    ],
)
def test_the_fastest_that_keeps_the_score_is_taken(rows: list[tuple[str, float, float]], expected: str) -> None:
    assert fastest(measured(*rows)) == expected


def test_an_export_chooses_by_what_it_measures(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"float32": 2.0, "bfloat16": 1.0, "int8": 1.5}

    def time_by_precision(answer: Any, requests: Sequence[Mapping[str, tf.Tensor]]) -> float:
        assert 0 < sum(len(request["text"]) for request in requests) <= 256
        assert all(answer(request)["label"].shape == request["text"].shape for request in requests)
        return seconds[answer.python_function.__self__.encoder.precision.name]

    monkeypatch.setattr(precision_choice, "_time", time_by_precision)
    version = run.export(tmp_path, overrides=["export.precision=auto"])
    metadata = read_metadata(version)
    choice, check = metadata["precision_choice"], metadata["precision_check"]
    assert isinstance(choice, dict)
    assert isinstance(check, dict)
    assert [row["name"] for row in choice["measured"]] == ["float32", "bfloat16", "int8"]
    rates = {row["name"]: row["texts_per_second"] for row in choice["measured"]}
    assert rates["bfloat16"] == pytest.approx(2 * rates["float32"])
    assert (choice["name"], metadata["precision"], choice["reason"]) == ("bfloat16", "bfloat16", "")
    assert check["exact_score"] == pytest.approx(run.folder.read("finished")["dev_score"])
    assert check["score"] == choice["measured"][1]["score"]
    card = (version / "README.md").read_text()
    assert "The precision is bfloat16; texts per second on this machine" in card
    assert f"| bfloat16 | {rates['bfloat16']:.0f} | {check['score']:.4f} |" in card
    assert 'precision = "auto"' in card


def test_where_nothing_can_be_measured_the_export_is_exact_and_says_why(
    run: Run, shallow_preset: Path, tmp_path: Path
) -> None:
    overrides = ["export.precision=auto", "model.max_length=16"]
    version = export_preset(str(shallow_preset), tmp_path, name="toy", overrides=overrides, quiet=True)
    assert read_metadata(version)["precision"] == "float32"
    assert "The precision is float32: an untrained preset has no dev split" in (version / "README.md").read_text()
    model, experiment = load_model(run.folder.model), read_run_settings(run.folder.path)
    plain = parse_experiment(experiment.model_dump(exclude_none=True), ["export.encoder=plain"])
    choice = choose_export_precision(run.folder, model, plain, quiet=True)
    assert (choice.name, choice.measured) == ("float32", ())
    assert choice.sentence() == (
        "The precision is float32: only the packed encoder of a BERT has another precision than float32."
    )


def test_a_loss_is_refused_unless_it_is_forced(run: Run) -> None:
    model = load_model(run.folder.model)
    broken_model = load_model(run.folder.model)
    assert isinstance(broken_model, BertModel)
    for weight in broken_model.network.weights:
        weight.assign(tf.zeros_like(weight))
    encoder = PackedEncoder(broken_model, precision=PRECISIONS["bfloat16"])
    message = r"precision bfloat16: accuracy on dev is 0\.[0-6]\d*, [01]\.\d+ in float32, and more than 0.002 is lost"
    with pytest.raises(ExportError, match=message):
        check_precision(run.folder, model, encoder, force=False, quiet=True)
    check = check_precision(run.folder, model, encoder, force=True, quiet=True)
    assert check is not None
    assert check["score"] < check["exact_score"]


def test_what_cannot_be_checked_is_refused_unless_it_is_forced(shallow_preset: Path, tmp_path: Path) -> None:
    overrides = ["export.precision=bfloat16", "model.max_length=16"]
    with pytest.raises(ExportError, match="no dev split to check it on"):
        export_preset(str(shallow_preset), tmp_path, name="toy", overrides=overrides, quiet=True)
    version = export_preset(str(shallow_preset), tmp_path, name="toy", overrides=overrides, force=True, quiet=True)
    assert "(bfloat16): not evaluated" in (version / "README.md").read_text()


def test_a_run_without_a_dev_split_is_refused_with_a_way_to_one(run: Run, toy_data: Path, tmp_path: Path) -> None:
    experiment = parse_experiment(
        {"name": "toy", "data": {"train": str(toy_data), "dev_share": 0}, "training": {"method": "few-shot"}}
    )
    folder = RunFolder(write_run(tmp_path, "1", data=load_splits(experiment).fingerprint))
    (folder.path / "settings.toml").write_text(dump_toml(experiment))
    model = load_model(run.folder.model)
    assert isinstance(model, BertModel)
    encoder = PackedEncoder(model, precision=PRECISIONS["int8"])
    message = "has no dev split; train with data.dev_share over 0; export in float32, or with --force$"
    with pytest.raises(ExportError, match=message):
        check_precision(folder, model, encoder, force=False, quiet=True)
    assert check_precision(folder, model, encoder, force=True, quiet=True) is None


@pytest.mark.slow
def test_data_that_changed_are_no_dev_split(shallow_preset: Path, tmp_path: Path) -> None:
    overrides = ["export.precision=bfloat16"]
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in toy_rows(60)))
    run = tfapp.fit(
        parse_experiment(toy_experiment(shallow_preset, file, training={"epochs": 1})),
        runs=tmp_path / "runs",
        quiet=True,
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in toy_rows(63)))
    with pytest.raises(
        ExportError, match=r"not those that the run was started with; .*export in float32, or with --force"
    ):
        run.export(tmp_path / "models", overrides=overrides)
    file.unlink()
    with pytest.raises(ExportError, match=r"cannot be checked on dev: .*; export in float32, or with --force"):
        run.export(tmp_path / "models", overrides=overrides)
    version = run.export(tmp_path / "models", overrides=overrides, force=True)
    assert "(bfloat16): not evaluated" in (version / "README.md").read_text()


def test_other_settings_are_the_run_s(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only those of export"):
        run.export(tmp_path, overrides=["model.max_length=8"])
    with pytest.raises(
        ExportError, match=r"export\.encoder is plain, .* in float32 only; set export\.encoder = packed"
    ):
        run.export(tmp_path, overrides=["export.encoder=plain", "export.precision=int8"])
