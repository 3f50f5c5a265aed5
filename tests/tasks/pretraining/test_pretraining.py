"""Pretraining from texts to a preset that another task starts from, at toy size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfapp
from tests.processes import call, complaint
from tests.toy import toy_experiment, toy_rows
from tests.training.test_loop import KillAt, KilledError
from tfapp import Run
from tfapp.errors import ExportError, ModelError
from tfapp.models import load_preset
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.models import load_model
from tfapp.tasks.pretraining.evaluation_result import LanguageEvaluation
from tfapp.tasks.pretraining.scratch_preset import make_preset
from tfapp.tasks.pretraining.settings import PretrainingModelSettings

ROOT = Path(__file__).parents[3]
WORDS = "the coach says a new team will win"
FRESH = {"vocabulary_size": 52, "layers": 1, "width": 32, "heads": 2, "positions": 32}


def text(number: int) -> str:
    """Always the same words at the same places, and a number that nobody can guess."""
    return f"{WORDS} {' '.join(str(number // 4**place % 4) for place in range(4))}"


def settings(data: Path, **training: Any) -> dict[str, Any]:
    """Returns what learns the language above in two epochs."""
    return {
        "name": "lm",
        "task": "pretraining",
        "data": {"train": str(data), "dev_share": 0.2, "test_share": 0.0},
        "model": {"max_length": 32, "masking": {"pack": False}, "fresh": FRESH},
        "training": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "checkpoint_steps": 7} | training,
    }


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "lines.txt"
    file.write_text("".join(f"{text(number)}\n" for number in range(240)))
    return file


@pytest.fixture(scope="module")
def run(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tfapp.fit(parse_experiment(settings(lines)), runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_it_learns_a_language_from_nothing(run: Run) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, LanguageEvaluation)
    assert len(load_preset(str(run.folder.preset)).vocabulary) == 52
    # It starts near 52; only the numbers stay unknown.
    assert evaluation.perplexity < 4
    assert evaluation.main_score > 0.5
    losses = [json.loads(line)["loss"] for line in run.folder.history.read_text().splitlines() if '"epoch"' in line]
    assert losses == sorted(losses, reverse=True)
    assert evaluation.loss == pytest.approx(losses[-1])
    assert run.evaluate() == evaluation


def test_it_leaves_what_every_run_leaves_and_a_preset(run: Run) -> None:
    files = ("settings.toml", "environment.json", "data.json", "history.jsonl", "evaluation.json", "report.html")
    assert {*files, "finished.json", "tensorboard", "model", "preset"} == {path.name for path in run.path.iterdir()}
    assert "Perplexity" in run.folder.report.read_text()
    assert "perplexity" in run._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "score"), [("simcse", "self-retrieval accuracy"), ("tsdae", "token accuracy")])
def test_vectors_of_texts_are_learnt_without_pairs(
    kind: str, score: str, lines: Path, toy_preset: Path, tmp_path: Path
) -> None:
    values = settings(lines, epochs=1, batch_size=32)
    values["model"] = {"kind": kind, "preset": str(toy_preset), "max_length": 32}
    run = tfapp.fit(parse_experiment(values), runs=tmp_path / "runs", quiet=True)
    assert run.evaluation.main_name == score
    assert run.evaluate(quiet=True) == run.evaluation
    losses = [json.loads(line)["loss"] for line in run.folder.history.read_text().splitlines() if '"step"' in line]
    assert all(np.isfinite(losses))
    assert "measure these by retrieval" in run.folder.report.read_text()
    version = tfapp.api.export_preset(
        str(run.folder.preset), tmp_path / "models", overrides=["model.max_length=32"], quiet=True
    )
    vectors = tfapp.predict(version, [WORDS, "ball"])["embedding"]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_another_task_starts_from_its_preset(run: Run, toy_data: Path, tmp_path: Path) -> None:
    values = toy_experiment(run.folder.preset, toy_data, training={"epochs": 1})
    fine_tuned_run = tfapp.fit(parse_experiment(values), runs=tmp_path, quiet=True)
    assert fine_tuned_run.folder.is_finished
    backbone, base = (load_model(training.folder.model).backbone for training in (fine_tuned_run, run))
    assert backbone.vocabulary_size == base.vocabulary_size == 52
    # One short epoch moves the weights, but does not make new ones.
    difference = np.abs(backbone.token_embedding.embeddings.numpy() - base.token_embedding.embeddings.numpy())
    assert 0 < difference.mean() < 0.05


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(run: Run, lines: Path, tmp_path: Path) -> None:
    experiment = parse_experiment(settings(lines))
    with pytest.raises(KilledError):
        tfapp.fit(experiment, runs=tmp_path, quiet=True, observers=(KillAt(18),))
    resumed_run = tfapp.fit(experiment, runs=tmp_path, quiet=True, resume=True)
    weights, resumed_weights = (load_model(training.folder.model).network.weights for training in (run, resumed_run))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(weights, resumed_weights, strict=True))
    assert (resumed_run.folder.preset / "model.safetensors").read_bytes() == (
        run.folder.preset / "model.safetensors"
    ).read_bytes()


def test_it_answers_nothing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a run of pretraining answers nothing"):
        run.predict(["the coach"])
    with pytest.raises(ExportError, match="pretraining makes nothing to serve"):
        run.export(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_goes_on_with_a_preset_and_puts_the_result_where_it_is_wanted(
    run: Run, lines: Path, tmp_path: Path
) -> None:
    source = tmp_path / "my texts.jsonl"
    source.write_text("".join(json.dumps({"body": line}) + "\n" for line in lines.read_text().splitlines()[:99]))
    options = ("--preset", run.folder.preset, "--set", "data.text=body", "--set", "data.dev_share=0.2")
    small = (
        "--set",
        "model.max_length=32",
        "--set",
        "training.learning_rate=1e-3",
        "--set",
        "model.masking.pack=false",
    )
    result = call("pretrain", source, *options, *small, "--to", tmp_path / "legal", "--runs", tmp_path / "runs")
    assert (result.code, result.err) == (0, "")
    end = json.loads(result.out.splitlines()[-1])
    assert Path(end["run"]).parent.name == "my-texts"
    # It knew the language already, the head included.
    assert end["test"]["loss"] < 2.5
    assert (tmp_path / "legal" / "config.json").read_bytes() == (Path(end["preset"]) / "config.json").read_bytes()


def test_mistakes_are_named(lines: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    single = tmp_path / "single.txt"
    single.write_text("one text\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    for arguments, message in (
        ((empty,), "no rows are left to learn from"),
        ((single,), "none of 1 rows fell on"),
        ((tmp_path / "none.txt",), "no such file"),
        ((lines, "--to", tmp_path / "full"), "exists and is no preset"),
        ((lines, "--from-scratch"), "model.fresh.vocabulary_size is 8192, but the texts make"),
        ((lines, "--set", "training.adapt=lora"), "pretraining changes every weight"),
        ((lines, "--set", "model.kind=simcse", "--set", "training.batch_size=1"), "from the others of its batch"),
        ((ROOT / "examples/bbc-news.toml",), 'needs task = "pretraining"'),
        ((ROOT / "examples/bbc-news.toml", "--from-scratch"), "--from-scratch: goes with a file of texts"),
    ):
        assert message in complaint(call("pretrain", *arguments, "--runs", tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_the_example_s_texts_make_its_vocabulary() -> None:
    experiment = load_experiment(ROOT / "examples/pretrain.toml")
    file = str(ROOT / "examples/data/faq-texts.txt")
    data = tfapp.load_data(file, task="pretraining", **experiment.data.model_dump(exclude={"train"}))
    assert data.report.findings == ()
    assert isinstance(experiment.model, PretrainingModelSettings)
    assert experiment.model.fresh is not None
    preset = make_preset(experiment.model, data.train["text"].to_pylist())
    assert len(preset.vocabulary) == experiment.model.fresh.vocabulary_size


def test_rows_of_the_toy_texts_need_no_label(tmp_path: Path) -> None:
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in toy_rows(60)))
    data = tfapp.load_data(str(file), task="pretraining")
    assert data.labels == ()
    assert data.report.findings == ()
    assert data.train.num_rows + data.dev.num_rows + data.test.num_rows == 60
    assert "first texts of train" in data._repr_html_()
