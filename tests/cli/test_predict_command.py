"""What `tfapp predict` does around the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.predict import answer_rows, default_output, file_to_score, input_columns, predict, rows_of
from tfapp.data.scored_rows import answer_columns
from tfapp.errors import DataError, SettingsError


class FakePredictor:
    labels = ("long", "short")
    identity = "fake"
    inputs = ("text",)

    def __call__(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        short = np.array([len(text) < 5 for text in texts])
        table = np.where(short[:, None], [0.25, 0.75], [0.875, 0.125]).astype(np.float32)
        label = np.array(self.labels, object)[short.astype(int)]
        return {"label": label, "score": table.max(axis=1), "probabilities": table}


def test_texts_are_answered_in_order() -> None:
    rows = answer_rows(FakePredictor(), ["hello there", "hi"])
    assert rows == [
        {"text": "hello there", "label": "long", "score": 0.875},
        {"text": "hi", "label": "short", "score": 0.75},
    ]
    (row,) = answer_rows(FakePredictor(), ["hi"], probabilities=True)
    assert row["probabilities"] == {"long": 0.25, "short": 0.75}


def test_one_existing_file_is_scored_and_texts_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text("text\n")
    odd = tmp_path / "data.bin"
    odd.write_text("text\n")
    assert file_to_score([str(file)]) == file
    assert file_to_score([str(odd)]) == odd
    assert file_to_score(["a text"]) is None
    assert file_to_score(["I read news.csv"]) is None
    assert file_to_score(["x" * 5000]) is None
    assert file_to_score(["one", "two"]) is None
    assert default_output(file) == tmp_path / "news.predictions.csv"


def test_a_misspelt_or_second_file_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text("text\n")
    with pytest.raises(DataError, match=r'did you mean ".*news\.csv"'):
        file_to_score([str(tmp_path / "nwes.csv")])
    with pytest.raises(DataError, match="one file, or texts only"):
        file_to_score([str(file), "a text"])


class FakeRanker:
    labels = ()
    identity = "fake"
    inputs = ("query", "candidate")

    def __call__(self, texts: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
        return {"score": np.array([float(query in candidate) for query, candidate in texts], np.float32)}


def test_pairs_are_a_query_and_its_candidates() -> None:
    rows = rows_of(FakeRanker.inputs, ["hot", "a hot day", "snow"])
    assert answer_rows(FakeRanker(), rows, probabilities=True) == [
        {"query": "hot", "candidate": "a hot day", "score": 1.0},
        {"query": "hot", "candidate": "snow", "score": 0.0},
    ]
    with pytest.raises(SettingsError, match="the model reads query and candidate: give one query, then each candidate"):
        rows_of(FakeRanker.inputs, ["hot"])


class ToneModel:
    labels = ()
    identity = "fake"
    inputs = ("text",)

    def __call__(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        tones = np.array(["[dry]"] * len(texts), object)
        return {"weights": np.full((len(texts), 2), 0.25, np.float32), "tone": tones}


def test_a_task_of_another_distribution_is_answered_with_all_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = answer_rows(ToneModel(), ["hi"])
    assert row == {"text": "hi", "weights": [0.25, 0.25], "tone": "[dry]"}
    columns = answer_columns(ToneModel()(["hi"]), (), ["hi"])
    assert {name: column.tolist() for name, column in columns.items()} == {
        "predicted_weights": [[0.25, 0.25]],
        "predicted_tone": ["[dry]"],
    }
    monkeypatch.setattr("tfapp.api.load_predictor", lambda _: ToneModel())
    app = typer.Typer()
    app.command()(predict)
    printed = CliRunner().invoke(app, ["model", "hi"]).stdout
    assert all(word in printed for word in ("weights", "tone", "[dry]", "[0.25, 0.25]"))


def test_columns_are_the_inputs_names_unless_others_are_given() -> None:
    assert input_columns(("text",), {"text": "body"}, []) == {"text": "body"}
    found = input_columns(FakeRanker.inputs, {"text": "text"}, ["candidate=answer=x"])
    assert found == {"query": "query", "candidate": "answer=x"}
    for wrong in ("candidate", "txt=x", "=x"):
        with pytest.raises(
            SettingsError, match=f"--column {wrong}: give INPUT=NAME, where INPUT is query or candidate"
        ):
            input_columns(FakeRanker.inputs, {}, [wrong])
