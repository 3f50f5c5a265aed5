"""Tests what `tfapp predict` does around the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.predict import default_output, file_to_score, input_columns, predict, rows_of
from tfapp.errors import DataError, SettingsError
from tfapp.workflows.predict import Predictor


def test_one_existing_file_is_scored_and_texts_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text("text\n")
    unknown_file = tmp_path / "data.bin"
    unknown_file.write_text("text\n")
    assert file_to_score([str(file)]) == file
    assert file_to_score([str(unknown_file)]) == unknown_file
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


PAIR = ("query", "candidate")


def test_pairs_are_a_query_and_its_candidates() -> None:
    assert rows_of(PAIR, ["hot", "a hot day", "snow"]) == [("hot", "a hot day"), ("hot", "snow")]
    with pytest.raises(SettingsError, match="the model reads query and candidate: give one query, then each candidate"):
        rows_of(PAIR, ["hot"])


def test_of_three_inputs_the_first_two_go_with_each_last_one() -> None:
    inputs = ("question", "context", "answer")
    assert rows_of(inputs, ["who", "Ann ran", "Ann", "Bob"]) == [("who", "Ann ran", "Ann"), ("who", "Ann ran", "Bob")]
    with pytest.raises(SettingsError, match="give one question, one context, then each answer"):
        rows_of(inputs, ["who", "Ann ran"])


def _tones(texts: Sequence[str]) -> dict[str, np.ndarray]:
    tones = np.array(["[dry]"] * len(texts), object)
    return {"weights": np.full((len(texts), 2), 0.25, np.float32), "tone": tones}


def test_a_task_of_another_distribution_is_answered_with_all_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfapp.api.load_predictor", lambda _: Predictor(Path("x"), "id", (), _tones))
    app = typer.Typer()
    app.command()(predict)
    output = CliRunner().invoke(app, ["model", "hi"]).stdout
    assert all(word in output for word in ("weights", "tone", "[dry]", "[0.25, 0.25]"))
    output = CliRunner().invoke(app, ["model", "hi", "--json"]).stdout
    assert json.loads(output) == {"text": "hi", "weights": [0.25, 0.25], "tone": "[dry]"}


def test_columns_are_the_inputs_names_unless_others_are_given() -> None:
    assert input_columns(("text",), {"text": "body"}, []) == {"text": "body"}
    columns = input_columns(PAIR, {"text": "text"}, ["candidate=answer=x"])
    assert columns == {"query": "query", "candidate": "answer=x"}
    for column in ("candidate", "txt=x", "=x"):
        with pytest.raises(
            SettingsError, match=f"--column {column}: give INPUT=NAME, where INPUT is query or candidate"
        ):
            input_columns(PAIR, {}, [column])
