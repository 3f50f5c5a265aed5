"""Tagging from a settings file to served spans, at toy size."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import AnswerError, AsyncClient, Entity

import tfapp
from tests.tasks.tagging.test_pretokenizer import MIXED, words_of
from tests.toy import FILLERS, TOPICS, toy_experiment
from tfapp import Run
from tfapp.api import ServedModels
from tfapp.data import score_file
from tfapp.errors import DataError, ExportError, SettingsError
from tfapp.savedmodel.verify import HARD_TEXTS, TOLERANCE, verify
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.models import load_model
from tfapp.tasks.tagging.evaluation_result import EntityEvaluation
from tfapp.tasks.tagging.predicted_entities import to_entities
from tfapp.tasks.tagging.task import TAGGING

ROOT = Path(__file__).parents[3]
TEXTS = ["the new ball", "", f"{'hello ' * 60}goal, tax", "e\u0301 日本 goal 👨\u200d👩\u200d👧 stock!"]


def tag(text: str) -> list[dict[str, Any]]:
    """Each topic's words in a text."""
    spans, place = [], 0
    for word in text.split(" "):
        topic = next((topic for topic, words in TOPICS.items() if word in words), None)
        spans += [{"start": place, "end": place + len(word), "label": topic}] if topic else []
        place += len(word) + 1
    return spans


@pytest.fixture(scope="module")
def span_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "spans.jsonl"
    random = np.random.default_rng(2)
    words = [
        *FILLERS,
        "hello",
        "e\u0301",
        "日本",
        ",",
        *(word for topic_words in TOPICS.values() for word in topic_words),
    ]
    texts = [" ".join(random.choice(words, random.integers(2, 9))) for _ in range(300)]
    file.write_text("".join(json.dumps({"text": text, "label": tag(text)}) + "\n" for text in texts))
    return file


@pytest.fixture(scope="module")
def run(shallow_preset: Path, span_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    values = toy_experiment(shallow_preset, span_data, model={"max_length": 16, "decoding": "crf", "word_shapes": True})
    values["task"] = "tagging"
    del values["model"]["pooling"]
    return tfapp.fit(parse_experiment(values), runs=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="module")
def models(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    run.export(models)
    return models


@pytest.fixture(scope="module")
def server(models: Path) -> Any:
    with tfapp.serve(models) as server:
        yield server


def test_it_learns_and_says_how_well(run: Run) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, EntityEvaluation)
    assert evaluation.labels == ("money", "sport", "tech")
    assert evaluation.main_score > 0.9
    assert "Scores by type" in run.folder.report.read_text()


def entity_spans(entities: Any) -> list[tuple[str, int, int]]:
    return [(entity["tag"], entity["start"], entity["end"]) for entity in entities]


@pytest.mark.slow
def test_run_version_and_both_clients_answer_alike(run: Run, models: Path, server: ServedModels) -> None:
    texts = [*TEXTS, *HARD_TEXTS]
    run_answers = to_entities(run.predict(texts), texts)
    exported_answers = to_entities(tfapp.predict(models / "toy", texts), texts)
    assert any(run_answers)
    served_answers = server.client.tag("toy", texts)

    async def ask() -> list[list[Entity]]:
        async with AsyncClient(server.address) as client:
            return await client.tag("toy", texts)

    assert asyncio.run(ask()) == served_answers
    for text, answer, exported_answer, served_answer in zip(
        texts, run_answers, exported_answers, served_answers, strict=True
    ):
        assert (
            entity_spans(answer)
            == entity_spans(exported_answer)
            == [(entity.tag, entity.start, entity.end) for entity in served_answer]
        )
        for scores in ([entity["score"] for entity in exported_answer], [entity.score for entity in served_answer]):
            np.testing.assert_allclose(scores, [entity["score"] for entity in answer], atol=1e-4)
        assert all(entity.text == text[entity.start : entity.end] for entity in served_answer)


def test_a_long_text_is_tagged_to_its_end(run: Run) -> None:
    text = TEXTS[2]
    (entities,) = to_entities(run.predict([text]), [text])
    assert entity_spans(entities) == [("sport", 360, 364), ("money", 366, 369)]


@pytest.mark.slow
def test_a_graph_with_other_places_is_not_published(run: Run, models: Path) -> None:
    model = load_model(run.path / "model")
    assert verify(models / "toy/1", model, TEXTS, max_length=16) < TOLERANCE

    class Shifted:
        inputs, preprocessor, answer_scale = model.inputs, model.preprocessor, 1.0

        def predict_text(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            answers = model.predict_text(*args, **kwargs)
            return answers | {"end": answers["end"] + tf.cast(answers["end"] > 0, tf.int32)}

    with pytest.raises(ExportError, match="the exported model's end differs from the Keras model's by 1 "):
        verify(models / "toy/1", Shifted(), TEXTS, max_length=16)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def exported_graph(models: Path) -> Any:
    loaded_model = tf.saved_model.load(str(models / "toy" / "1"))
    return loaded_model, loaded_model.signatures["serving_default"]


@settings(max_examples=30)
@given(st.lists(MIXED, min_size=1, max_size=3))
def test_any_text_s_spans_are_words_of_that_very_text(exported_graph: Any, texts: list[str]) -> None:
    _, signature = exported_graph
    # A word that is always found, before and behind what may confuse the places.
    sentences = [f"goal {text} tax" for text in texts]
    outputs = {name: value.numpy() for name, value in signature(text=tf.constant(sentences)).items()}
    for text, entities in zip(sentences, to_entities(outputs, sentences), strict=True):
        words = words_of(text)
        starts, ends = {start for start, _ in words}, {end for _, end in words}
        assert all(entity["start"] in starts and entity["end"] in ends for entity in entities)
        assert entities[0]["text"].startswith("goal")
        assert entities[-1]["end"] == len(text)


def test_files_are_scored_in_every_format(run: Run, tmp_path: Path) -> None:
    file, texts = tmp_path / "messages.csv", ["the new ball", "", "tax\nstock"]
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("id", "text"), *enumerate(texts)])
    expected = to_entities(run.predict(texts), texts)
    for suffix in ("csv", "jsonl", "parquet"):
        options = {"answer_format": run.predictor.answer_format, "labels": run.predictor.labels}
        score_file(file, tmp_path / f"out.{suffix}", run.predictor, **options)
        rows = read_rows(tmp_path / f"out.{suffix}")
        assert [str(row["id"]) for row in rows] == ["0", "1", "2"]
        for row, entities in zip(rows, expected, strict=True):
            assert entity_spans(row["predicted_entities"]) == entity_spans(entities)
            assert [entity["text"] for entity in row["predicted_entities"]] == [entity["text"] for entity in entities]


def test_a_file_of_words_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "words.conll").write_text("ball O\n")
    with pytest.raises(DataError, match="name a csv, tsv, jsonl or parquet file to score"):
        score_file(tmp_path / "words.conll", tmp_path / "out.csv", lambda _: {})


def read_rows(file: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        return list(pq.read_table(file).to_pylist())
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with file.open(newline="") as csv_file:
        return [row | {"predicted_entities": json.loads(row["predicted_entities"])} for row in csv.DictReader(csv_file)]


def test_texts_are_answered_with_their_spans(run: Run) -> None:
    rows = run.predictor.objects(["the new ball", "hello"], probabilities=True)
    assert [row["text"] for row in rows] == ["the new ball", "hello"]
    assert entity_spans(rows[0]["entities"]) == [("sport", 8, 12)]
    assert json.loads(json.dumps(rows)) == rows


def test_texts_are_shown_with_their_spans() -> None:
    entities = [{"tag": "[b]sport", "text": "ball", "start": 8, "end": 12, "score": 0.5}]
    objects = [{"text": "the new ball", "entities": entities}, {"text": "hello", "entities": []}]
    table = TAGGING.answer_format.table(objects, ("text",))
    assert [list(column.cells) for column in table.columns] == [
        ["the new ball", "hello"],
        ["ball", ""],
        ["[b]sport", ""],
        ["8-12", ""],
        ["0.500", ""],
    ]


def test_what_is_written_of_the_version(models: Path) -> None:
    facts = json.loads((models / "toy/1/assets.extra/tfapp.json").read_text())
    assert (facts["task"], facts["labels"]) == ("tagging", ["money", "sport", "tech"])
    assert facts["metrics"]["entity_F1"] > 0.9
    card = (models / "toy/1/README.md").read_text()
    assert "the spans that it finds, each with one of 3 labels: `money`, `sport`, `tech`" in card
    assert "Texts of more than 16 tokens are read in overlapping windows" in card
    assert 'client.tag("toy", ["a text"])' in card


def test_settings_of_other_tasks_are_refused(span_data: Path) -> None:
    base = {"name": "toy", "task": "tagging", "data": {"train": str(span_data)}}
    for override, message in [
        ("model.pooling=mean", "model.pooling is not read by the task tagging"),
        ("model.window=64", "model.window is not read by the task tagging"),
        ("model.multi_label=true", "model.multi_label is not read by the task tagging"),
        # A student compares one answer per text, and the vectors of texts that are read whole.
        ("distillation.teacher=runs/a", "distillation is not read by the task tagging"),
        ("task=classification model.decoding=crf", "model.decoding is not read by the task classification"),
        ("model.decoding=crf model.class_weights=balanced", "a crf learns whole texts; set none"),
    ]:
        with pytest.raises(SettingsError, match=message):
            parse_experiment(base, override.split())


@pytest.mark.slow
def test_the_example_trains_at_toy_size(shallow_preset: Path, tmp_path: Path) -> None:
    data = ROOT / "examples/data/support-entities.conll"
    overrides = [f"data.train={data}", f"model.preset={shallow_preset}", "training.epochs=1", "model.decoding=greedy"]
    experiment = load_experiment(ROOT / "examples/support-entities.toml", overrides)
    splits = tfapp.load_data(str(data), task="tagging")
    assert splits.labels == ("order", "place", "product")
    assert splits.report.findings == ()
    assert all(set(counts) == set(splits.labels) for counts in splits.report.label_counts.values())
    run = tfapp.fit(experiment, data=splits, runs=tmp_path, quiet=True)
    assert run.evaluation.count == splits.test.num_rows


def test_a_served_tagger_refuses_other_calls(server: ServedModels) -> None:
    with pytest.raises(AnswerError, match="is no classification model"):
        server.client.classify("toy", ["the new ball"])
