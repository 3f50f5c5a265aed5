"""Embeddings from a settings file to served answers, and without a training, at toy size."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tfapp_client import AsyncClient

import tfapp
from tests.processes import call, complaint
from tests.toy import TOPICS, toy_experiment, toy_text
from tfapp import Run
from tfapp.api import export_preset
from tfapp.errors import SettingsError
from tfapp.registry import STABLE, LabelStore
from tfapp.savedmodel.verify import HARD_TEXTS
from tfapp.tasks.embedding.evaluation_result import RetrievalEvaluation
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.workflows import version_catalogue

ROOT = Path(__file__).parents[3]
TEXTS = [toy_text("sport", 901), toy_text("money", 902), *HARD_TEXTS]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Queries with a candidate of the same topic; every second row has a negative of another."""
    file = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    topics = sorted(TOPICS)
    rows = [
        {
            "query": toy_text(topics[row % 3], 1000 + row),
            "candidate": toy_text(topics[row % 3], row),
            "other": toy_text(topics[(row + 1) % 3], 500 + row) if row % 2 else "",
        }
        for row in range(90)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def settings(preset: Path, pairs: Path, **training: Any) -> dict[str, Any]:
    values = toy_experiment(preset, pairs, training=training) | {"task": "embedding"}
    values["data"] |= {"negative": "other"}
    return values


@pytest.fixture(scope="module")
def run(shallow_preset: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    experiment = parse_experiment(settings(shallow_preset, pairs, batch_size=16, sub_batch=5))
    return tfapp.fit(experiment, runs=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="module")
def models(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    run.export(models)
    return models


def history(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.folder.history.read_text().splitlines()]


def test_it_learns_and_says_how_well_beside_the_untouched_preset(run: Run, pairs: Path) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, RetrievalEvaluation)
    assert evaluation.main_name == "nDCG@10"
    epochs = [event for event in history(run) if event["event"] == "epoch"]
    assert [event["epoch"] for event in epochs] == [0, 1, 2]
    assert epochs[0]["step"] == 0
    assert epochs[-1]["score"] > epochs[0]["score"]
    assert run.evaluate() == evaluation
    assert "candidates" in run.folder.report.read_text()
    everything = run.evaluate(pairs)
    assert isinstance(everything, RetrievalEvaluation)
    # 90 candidates and 45 negatives, all different.
    assert (everything.count, everything.candidates) == (90, 135)


def test_run_version_and_both_clients_answer_alike(run: Run, models: Path) -> None:
    run_vectors = run.predict(TEXTS)["embedding"]
    assert run_vectors.shape == (len(TEXTS), 32)
    np.testing.assert_allclose(tfapp.predict(models / "toy", TEXTS)["embedding"], run_vectors, atol=1e-4)
    single_vectors = np.concatenate([run.predict([text])["embedding"] for text in TEXTS])
    np.testing.assert_allclose(run_vectors, single_vectors, atol=1e-5)

    async def ask(address: str) -> Any:
        async with AsyncClient(address) as client:
            return await client.embed("toy", TEXTS)

    with tfapp.serve(models) as server:
        vectors = server.client.embed("toy", TEXTS)
        np.testing.assert_allclose(asyncio.run(ask(server.address)), vectors, atol=1e-6)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, run_vectors, atol=1e-4)


def test_what_is_on_record_of_the_version(run: Run, models: Path) -> None:
    (model,) = version_catalogue.describe(models)
    assert model.versions[0].score == ("nDCG@10", run.evaluation.main_score)
    card = (models / "toy" / "1" / "README.md").read_text()
    for expected in ("fine-tuned from", "client.embed(", "a vector of length 1", "No fixed cosine separates"):
        assert expected in card


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_s_vectors_stand_beside_its_columns(run: Run, tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.csv", tmp_path / f"out.{suffix}"
    with source.open("w", newline="") as out:
        csv.writer(out).writerows([("id", "text"), (7, "the ball"), (8, "")])
    assert call("predict", run.path, source, "--output", target, "--json").code == 0
    if suffix == "parquet":
        rows = pq.read_table(target).to_pylist()
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in target.read_text().splitlines()]
    else:
        with target.open(newline="") as csv_file:
            table = list(csv.DictReader(csv_file))
        rows = [row | {"predicted_embedding": json.loads(row["predicted_embedding"])} for row in table]
    assert [str(row["id"]) for row in rows] == ["7", "8"]
    vectors = [row["predicted_embedding"] for row in rows]
    np.testing.assert_allclose(vectors, run.predict(["the ball", ""])["embedding"], atol=1e-6)


def test_texts_are_compared_on_the_command_line(run: Run) -> None:
    result = call("predict", run.path, "the ball", "the ball", "the tax", "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["text"] for row in rows] == ["the ball", "the ball", "the tax"]
    assert rows[0]["embedding"] == pytest.approx(rows[1]["embedding"], abs=1e-6)
    output = call("predict", run.path, "the ball", "the tax").out
    assert "cosine" in output
    assert "1.000" in output


def test_an_untouched_preset_is_evaluated_and_published(shallow_preset: Path, tmp_path: Path) -> None:
    """The data are the example's."""
    data = ROOT / "examples/data/faq-questions.csv"
    overrides = [f"data.train={data}", f"model.preset={shallow_preset}", "training.epochs=0"]
    run = tfapp.fit(load_experiment(ROOT / "examples/faq-embedding.toml", overrides), runs=tmp_path, quiet=True)
    summary = run.folder.read("finished")
    assert (summary["epochs"], summary["trained_weights"]) == (0, 0)
    assert run.folder.read("data")["report"]["findings"] == []
    assert [event["epoch"] for event in history(run)] == [0]
    options = ("--name", "plain", "--set", "model.max_length=64", "--set", "export.warmup_requests=2")
    result = call("export", "--preset", shallow_preset, *options, "--to", tmp_path / "models", "--json")
    version = tmp_path / "models" / "plain" / "1"
    callers = {"with_label": {}, "without_label": 1}
    assert json.loads(result.out) == {"model": "plain", "version": 1, "path": str(version), "callers": callers}
    vectors = tfapp.predict(version, TEXTS)["embedding"]
    np.testing.assert_allclose(vectors, run.predict(TEXTS)["embedding"], atol=1e-4)
    card = (version / "README.md").read_text()
    assert "exported from the untouched" in card
    assert "Not evaluated before export" in card
    assert "train =" not in card
    (model,) = version_catalogue.describe(tmp_path / "models")
    assert (model.versions[0].task, model.versions[0].score) == ("embedding", None)
    _check_that_an_export_says_what_callers_get(tmp_path / "models", "--preset", shallow_preset, *options)


def _check_that_an_export_says_what_callers_get(models: Path, *arguments: str | Path) -> None:
    """Exports into a folder whose `plain` has a version 1 and no label."""
    newest = call("export", *arguments, "--to", models).out
    assert newest.endswith(
        f"2; its README.md says what it is. Next: tfapp serve {models}\n"
        "callers get version 2 without a label (the newest)\n"
    )
    LabelStore.open(models).set_label("plain", STABLE, 1, "promote", expected=None)
    behind = call("export", *arguments, "--to", models).out
    assert behind.endswith(
        "3; its README.md says what it is. No label names it, so servers do not load it. "
        f"Next: tfapp models promote plain 3 --models {models}\n"
        'callers get version 1 with label="stable", version 1 without a label\n'
    )


def test_export_takes_a_run_or_a_preset(tmp_path: Path) -> None:
    assert "needs a run's folder, or --preset NAME" in complaint(call("export"))
    assert "needs a run's folder, or --preset NAME" in complaint(call("export", tmp_path, "--preset", "x"))
    assert "--name goes with --preset" in complaint(call("export", tmp_path, "--name", "x"))
    assert "unknown preset no-such" in complaint(call("export", "--preset", "no-such"))
    with pytest.raises(SettingsError, match=r"unknown setting model\.pooled"):
        export_preset("minilm-l6", tmp_path, overrides=["model.pooled=mean"])


@pytest.mark.parametrize(
    ("changes", "complains"),
    [
        ({"training": {"adapt": "head"}}, "an embedding model has no head"),
        ({"distillation": {"teacher": "runs/x"}}, "distillation is not read by the task embedding"),
        ({"task": "classification", "training": {"epochs": 0}}, "training.epochs is 0, but the output layer"),
        ({"data": {"train": "x", "dev_share": 0}}, "data.dev_share is 0, but the best epoch is chosen on dev"),
        ({"data": {"train": "x", "text": "q"}}, "data.text is not read by the task embedding"),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes: dict[str, Any], complains: str) -> None:
    with pytest.raises(SettingsError, match=complains):
        parse_experiment({"name": "x", "task": "embedding", "data": {"train": "x"}} | changes)
