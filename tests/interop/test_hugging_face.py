"""Tests that what was written for Transformers and sentence-transformers answers there as it does here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.exports.onnx.test_onnx_models import random_rows
from tests.interop.conftest import AskLibrary
from tests.networks import LENGTH, build
from tfapp.core.rows import Row
from tfapp.exports.huggingface.write import write_stock_model
from tfapp.models import BertModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.savedmodel.verify import hard_rows
from tfapp.tasks.registry import find_task
from tfapp.workflows.predict import graph_of


def export(model: BertModel, folder: Path) -> Path:
    find_form = find_task(model.task.name).hugging_face
    assert find_form is not None
    folder.mkdir()
    write_stock_model(model, folder, find_form(model), name="toy", max_length=LENGTH)
    return folder


def rows_of(model: BertModel) -> list[Any]:
    """Hard and random rows; pipelines read a pair with an empty second text as a single text."""
    rows = [*hard_rows(len(model.inputs)), *random_rows(model, 30, seed=1)]
    return [row for row in rows if isinstance(row, str) or row[1]]


@pytest.mark.parametrize(
    ("name", "temperatures"),
    [("pooler", (1.7,)), ("pooler", (0.6, 1.5, 2.5)), ("pairs", (0.4,))],
    ids=["labels", "several labels", "pairs"],
)
def test_pipelines_give_the_same_probabilities(
    name: str, temperatures: tuple[float, ...], shallow_preset: Path, tmp_path: Path, ask: AskLibrary
) -> None:
    model = build(shallow_preset, name, multi_label=len(temperatures) > 1)
    model.calibrate(TemperatureScaling(temperatures, 300, ""))
    rows = rows_of(model)
    expected = graph_of(model)(rows)
    answers = ask("classify", export(model, tmp_path / "toy"), rows)
    scores = [{answer["label"]: answer["score"] for answer in row} for row in answers]
    ours = [[row[label] for label in model.labels] for row in scores]
    np.testing.assert_allclose(ours, expected["probabilities"], atol=1e-5)


@pytest.mark.parametrize("task", ["ranking", "regression", "pair-regression"])
def test_pipelines_give_the_same_score(task: str, shallow_preset: Path, tmp_path: Path, ask: AskLibrary) -> None:
    model: Any = build_scorer(shallow_preset, task)
    rows = rows_of(model)
    answers = ask("classify", export(model, tmp_path / "toy"), rows)
    expected = graph_of(model)(rows)["score"]
    np.testing.assert_allclose([row[0]["score"] for row in answers], expected, atol=1e-4)
    assert np.ptp(expected) > 0.01


def build_scorer(preset: Path, task: str) -> BertModel:
    from tfapp.tasks.models import build_model

    if task == "ranking":
        return build(preset, "ranking", pooling="cls")
    settings = find_task(task).settings.model(preset=str(preset), max_length=LENGTH)
    model = build_model(task, settings, ("70.0", "12.5"))
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 8)
    assert isinstance(model, BertModel)
    return model


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_sentence_transformers_gives_the_same_vectors(
    pooling: str, shallow_preset: Path, tmp_path: Path, ask: AskLibrary
) -> None:
    model = build(shallow_preset, "embedding", pooling=pooling)
    rows = rows_of(model)
    vectors = ask("embed", export(model, tmp_path / "toy"), rows)
    np.testing.assert_allclose(vectors, graph_of(model)(rows)["embedding"], atol=1e-5)


def test_pipelines_find_the_same_spans(shallow_preset: Path, tmp_path: Path, ask: AskLibrary) -> None:
    model = build(shallow_preset, "tagging", decoding="greedy")
    # A pipeline reads no windows, and a span ends there before marks of which nothing is read.
    plain = [str(row).replace("x\u0301\u0302", "x").replace("\u200b", "") for row in random_rows(model, 120, seed=2)]
    rows = [row.replace("\u00ad", "") for row in plain if len(model.tokenize({"text": [row]})[0]) <= LENGTH]
    found = graph_of(model)(rows)
    expected = [
        [[tag, start, end] for tag, start, end in zip(*spans, strict=True) if start >= 0]
        for spans in zip(*(found[name].tolist() for name in ("tag", "start", "end")), strict=True)
    ]
    assert len(rows) > 10
    assert ask("tag", export(model, tmp_path / "toy"), rows) == expected


def test_answers_have_the_same_logits(shallow_preset: Path, tmp_path: Path, ask: AskLibrary) -> None:
    model = build(shallow_preset, "answering")
    rows = [("who ran", "the team ran to the ball"), ("a goal", "no"), ("café", "日本 today")]
    logits = ask("answer_question", export(model, tmp_path / "toy"), rows)
    ids = model.preprocessor(*(tf.constant(column) for column in zip(*rows, strict=True)))
    network = super(type(model), model).logits(ids).numpy()
    for row, ours, length in zip(logits, network, ids.row_lengths().numpy(), strict=True):
        np.testing.assert_allclose(np.transpose(row), ours[:length], atol=1e-4)


@pytest.mark.parametrize("name", ["pooler", "pairs"])
def test_texts_become_the_same_tokens(name: str, shallow_preset: Path, tmp_path: Path, ask: AskLibrary) -> None:
    model = build(shallow_preset, name)
    rows: list[Row] = [*rows_of(model)]
    columns = [rows] if len(model.inputs) == 1 else list(zip(*rows, strict=True))  # type: ignore[arg-type]
    expected = model.preprocessor(*(tf.constant(column) for column in columns)).to_list()
    assert ask("read_tokens", export(model, tmp_path / "toy"), rows) == expected
