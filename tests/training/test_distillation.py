"""Students learn from their teachers: runs at toy size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfapp
from tests.test_examples import ROOT
from tests.toy import toy_experiment, toy_rows, write_toy_preset
from tests.training.test_loop import table
from tfapp import Run
from tfapp.config import DistillationSettings, ModelSettings
from tfapp.errors import ModelError, SettingsError, TfappError, TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.models import build_model, load_model
from tfapp.training import Distillation, tokenize_split
from tfapp.training.run_folder import create_run

TEXTS = [row["text"] for row in toy_rows(300)[240:]]


def settings(run: Run, data: Path, preset: Path, **changes: Any) -> dict[str, Any]:
    values = toy_experiment(preset, data)
    return values | {"name": "student", "distillation": {"teacher": str(run.path), "layers": 1} | changes}


def train(run: Run, data: Path, preset: Path, runs: Path, **changes: Any) -> Run:
    return tfapp.fit(parse_experiment(settings(run, data, preset, **changes)), runs=runs, quiet=True)


def distance(student: Run, teacher: Run) -> float:
    """Returns the mean divergence of the student's answers from the teacher's."""
    student_probabilities, teacher_probabilities = (run.predict(TEXTS)["probabilities"] for run in (student, teacher))
    return float(np.mean(np.sum(teacher_probabilities * np.log(teacher_probabilities / student_probabilities), axis=1)))


@pytest.fixture(scope="module")
def plain_student(toy_run: Run, toy_data: Path, toy_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same student, which learns from the labels alone."""
    runs = tmp_path_factory.mktemp("plain")
    return train(toy_run, toy_data, toy_preset, runs, soft_weight=0.0, hidden_weight=0.0)


@pytest.fixture(scope="module")
def distilled_student(toy_run: Run, toy_data: Path, toy_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(toy_run, toy_data, toy_preset, tmp_path_factory.mktemp("distilled"), soft_weight=1.0)


@pytest.mark.slow
def test_a_student_comes_nearer_to_its_teacher_than_one_that_learns_alone(
    plain_student: Run, distilled_student: Run, toy_run: Run
) -> None:
    assert distance(distilled_student, toy_run) < 0.5 * distance(plain_student, toy_run)
    assert load_model(distilled_student.folder.model).backbone.num_layers == 1
    labels = [run.predict(TEXTS)["label"] for run in (distilled_student, toy_run)]
    assert np.mean(labels[0] == labels[1]) > 0.9


@pytest.mark.slow
def test_a_student_s_run_is_like_any_other(distilled_student: Run, toy_run: Run, tmp_path: Path) -> None:
    assert distilled_student.evaluate() == distilled_student.evaluation
    assert f"1 layers of {toy_run.path}" in distilled_student.folder.report.read_text()
    version = distilled_student.export(tmp_path)
    facts = json.loads((version / "assets.extra" / "tfapp.json").read_text())
    assert facts["preset"] == f"1 layers of {toy_run.path}"
    answers = tfapp.predict(version, TEXTS[:4])
    np.testing.assert_allclose(
        answers["probabilities"], distilled_student.predict(TEXTS[:4])["probabilities"], atol=1e-4
    )


@pytest.fixture(scope="module")
def still_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_preset(tmp_path_factory.mktemp("presets") / "still", dropout=0.0)


def build(preset: Path, **changes: Any) -> TaskModel:
    settings = ModelSettings(**{"preset": str(preset), "max_length": 32, "dropout": 0.0, **changes})
    return build_model("classification", settings, ["money", "sport", "tech"])


def lesson(student: TaskModel, teacher: TaskModel, **changes: Any) -> Distillation:
    return Distillation(student, (teacher,), DistillationSettings(teacher="runs/big", **changes))


@pytest.mark.parametrize("multi_label", [False, True])
def test_what_is_kept_of_a_teacher_is_what_it_says_beside(still_preset: Path, multi_label: bool) -> None:
    student, teacher = (build(still_preset, multi_label=multi_label) for _ in range(2))
    rows = table(0, 20)
    if multi_label:
        rows = rows.set_column(1, "label", [[[label] for label in rows["label"].to_pylist()]])
    side = tokenize_split(student, rows)
    ids = tf.RaggedTensor.from_row_splits(side.texts.ids, side.texts.splits)
    weights = tf.constant([0.0, *[1.0] * 19])
    beside = lesson(student, teacher, hidden_weight=1e-9)
    distillation = lesson(student, teacher, hidden_weight=0)
    assert beside.prepare(side) is side
    loss, count = distillation(ids, distillation.prepare(side).targets, weights)
    expected_loss, _ = beside(ids, side.targets, weights)
    assert float(count) == 19
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-4)
    # Of equals, the labels' loss alone is left.
    self_distillation = lesson(student, student, soft_weight=0.25, hidden_weight=1.0)
    expected, _ = student.batch_loss(ids, side.targets, weights)
    assert float(self_distillation(ids, side.targets, weights)[0]) == pytest.approx(0.75 * float(expected), rel=1e-4)


@pytest.mark.parametrize("multi_label", [False, True])
def test_several_teachers_teach_their_mean_probabilities(still_preset: Path, multi_label: bool) -> None:
    student, *teachers = (build(still_preset, multi_label=multi_label) for _ in range(3))
    for number, teacher in enumerate(teachers):
        teacher.head.set_weights(
            [(9 + number) * weight + np.arange(3) * number for weight in teacher.head.get_weights()]
        )
    rows = table(0, 12)
    if multi_label:
        rows = rows.set_column(1, "label", [[[label] for label in rows["label"].to_pylist()]])
    split = tokenize_split(student, rows)
    settings = DistillationSettings(teacher=("runs/a", "runs/b"), hidden_weight=0, soft_weight=1, temperature=2.0)
    ensemble = Distillation(student, tuple(teachers), settings)
    ids = tf.RaggedTensor.from_row_splits(split.texts.ids, split.texts.splits)
    soften = tf.sigmoid if multi_label else tf.nn.softmax
    mean = np.mean([soften(teacher.logits(ids) / 2.0) for teacher in teachers], axis=0)
    labels, logits = ensemble.prepare(split).targets
    assert labels is split.targets
    np.testing.assert_allclose(soften(logits / 2.0), mean, atol=1e-5)
    # The loss is the divergence of the student from these.
    answer = soften(student.logits(ids) / 2.0).numpy()
    if multi_label:
        divergence = mean * np.log(mean / answer) + (1 - mean) * np.log((1 - mean) / (1 - answer))
        expected = 4 * divergence.mean(axis=1).sum()
    else:
        expected = 4 * (mean * np.log(mean / answer)).sum()
    loss, _ = ensemble(ids, (labels, tf.constant(logits)), tf.ones([12]))
    assert float(loss) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_a_student_of_two_runs(toy_run: Run, toy_data: Path, toy_preset: Path, tmp_path: Path) -> None:
    runs = [str(toy_run.path), str(toy_run.path)]
    student = train(toy_run, toy_data, toy_preset, tmp_path, teacher=runs, soft_weight=1.0, hidden_weight=0)
    assert student.experiment.distillation is not None
    assert student.experiment.distillation.teachers == tuple(runs)
    assert f"1 layers of {toy_run.path}" in student.folder.report.read_text()
    assert distance(student, toy_run) < 0.5
    with pytest.raises(
        SettingsError, match=r"several runs exclude each other: only their answers have a mean; set hidden_weight = 0"
    ):
        parse_experiment(settings(toy_run, toy_data, toy_preset, teacher=runs))
    with pytest.raises(TrainingError, match="runs/none: no run there"):
        train(toy_run, toy_data, toy_preset, tmp_path, teacher=[runs[0], "runs/none"], hidden_weight=0)


def test_vectors_are_compared_with_those_of_the_mapped_layer(still_teacher: Path) -> None:
    student, teacher = build(still_teacher), build(still_teacher)
    ids = student.preprocessor(tf.constant(TEXTS[:5]))
    teacher_layers = teacher.trace(ids)[1]
    side_targets = tf.zeros([5], tf.int32)
    student.backbone.transformer_layers[1].set_weights(teacher.backbone.transformer_layers[0].get_weights())
    student_layers = student.trace(ids)[1]
    weighted_distillation = lesson(student, teacher, soft_weight=1.0, hidden_weight=2.0)
    bare = lesson(student, teacher, soft_weight=1.0, hidden_weight=1e-9)
    ones = tf.ones([5])
    loss = float(weighted_distillation(ids, side_targets, ones)[0]) - float(bare(ids, side_targets, ones)[0])
    expected = 0.0
    for row, length in enumerate(ids.row_lengths().numpy()):
        expected += np.mean(
            [
                np.mean((a[row, :length] - b[row, :length]) ** 2)
                for a, b in zip(teacher_layers, student_layers, strict=True)
            ]
        )
    assert loss == pytest.approx(2 * expected, rel=1e-3)


def test_a_teacher_that_does_not_fit_is_named(toy_run: Run, toy_data: Path, toy_preset: Path, tmp_path: Path) -> None:
    other_data = tmp_path / "others.jsonl"
    rows = [row | {"label": f"about {row['label']}"} for row in toy_rows(60)]
    other_data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = settings(toy_run, toy_data, toy_preset)
    severally = settings(toy_run, toy_data, toy_preset, hidden_weight=0)
    severally["model"] |= {"multi_label": True}
    unfinished_run = create_run(parse_experiment(values), tmp_path / "started")
    cases: list[tuple[dict[str, Any], type[TfappError], str]] = [
        (
            settings(toy_run, other_data, toy_preset),
            TrainingError,
            "its labels are money, sport, tech, those of the data",
        ),
        (settings(toy_run, toy_data, toy_preset, layers=3), TrainingError, "layers is 3, but the teacher has 2"),
        (settings(toy_run, toy_data, toy_preset, teacher="runs/none"), TrainingError, "no run there"),
        (settings(toy_run, toy_data, toy_preset, teacher=str(unfinished_run.path)), TrainingError, "is not finished"),
        (severally, TrainingError, "its task is classification; a student"),
    ]
    for experiment_values, kind, message in cases:
        with pytest.raises(kind, match=message):
            tfapp.fit(parse_experiment(experiment_values), runs=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "runs").exists()
    values["model"]["window"] = 16
    with pytest.raises(SettingsError, match=r"hidden_weight and model\.window exclude each other"):
        parse_experiment(values)


def test_a_student_of_another_kind_is_named(still_teacher: Path, tmp_path: Path) -> None:
    import keras_hub

    words = [f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")] + ["ball", "goal"]
    sizes = {"num_layers": 2, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 64}
    backbone = keras_hub.models.BertBackbone(vocabulary_size=len(words), hidden_dim=8, **sizes)
    backbone.save_to_preset(str(tmp_path / "other"))
    keras_hub.models.BertTokenizer(words, lowercase=True).save_to_preset(str(tmp_path / "other"))
    teacher = build(still_teacher)
    with pytest.raises(ModelError, match=r"another vocabulary than distillation\.teacher runs/big"):
        lesson(build(tmp_path / "other"), teacher)
    narrow = keras_hub.models.BertBackbone(vocabulary_size=len(teacher.preprocessor.vocabulary), hidden_dim=8, **sizes)
    narrow.save_to_preset(str(tmp_path / "narrow"))
    keras_hub.models.BertTokenizer(list(teacher.preprocessor.vocabulary), lowercase=True).save_to_preset(
        str(tmp_path / "narrow")
    )
    student = build(tmp_path / "narrow")
    with pytest.raises(ModelError, match="2 layers of 8 and the teacher's 2 of 32 cannot be compared"):
        lesson(student, teacher)
    lesson(student, teacher, hidden_weight=0)


def test_the_example_s_student_has_the_data_of_its_teacher() -> None:
    student, teacher = (load_experiment(ROOT / f"examples/{name}.toml") for name in ("distil", "support-topics"))
    assert student.distillation is not None
    assert student.distillation.teacher == f"runs/{teacher.name}"
    assert (student.task, student.data, student.model) == (teacher.task, teacher.data, teacher.model)
