"""Models in this process: batches, order, and what cannot be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfapp import Run
from tfapp.errors import ModelError
from tfapp.workflows.predict import Predictor, load_predictor


class Lengths:
    """Answers a text with its length, and keeps the batches that it was asked for."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        self.batches.append(list(texts))
        lengths = np.array([len(text) for text in texts], np.float32)
        return {"score": lengths, "label": np.array(texts, object), "pairs": np.stack([lengths, -lengths], axis=1)}


def test_answers_as_wide_as_their_batch_are_padded_to_one_width() -> None:
    def letters(texts: Sequence[str]) -> dict[str, np.ndarray]:
        width = max(map(len, texts), default=0)
        tags = np.array([[*text, *[""] * (width - len(text))] for text in texts], object).reshape(len(texts), width)
        starts = np.where(tags != "", np.arange(width), -1).astype(np.int32)
        return {"tag": tags, "start": starts, "score": (starts >= 0).astype(np.float32)}

    texts = ["ab", *[""] * 40, "abc"]
    answers = Predictor(Path("x"), "id", (), letters)(texts)
    assert ["".join(row) for row in answers["tag"].tolist()] == texts
    assert answers["start"].tolist() == [[0, 1, -1], *[[-1] * 3] * 40, [0, 1, 2]]
    assert answers["score"].sum(axis=1).tolist() == [2, *[0] * 40, 3]
    assert (answers["start"].dtype, answers["score"].dtype) == (np.int32, np.float32)


@given(texts=st.lists(st.text(max_size=20), max_size=100))
def test_answers_come_in_the_order_of_the_texts(texts: list[str]) -> None:
    model = Lengths()
    answers = Predictor(Path("x"), "id", (), model)(texts)
    assert answers["label"].tolist() == texts
    assert answers["score"].tolist() == [len(text) for text in texts]
    assert answers["pairs"].shape == (len(texts), 2)
    assert max(len(batch) for batch in model.batches) <= 32
    assert sum(len(batch) for batch in model.batches) == len(texts)
    # Similar lengths together: each batch begins where the one before it ended.
    lengths = [len(text) for batch in model.batches for text in batch]
    assert lengths == sorted(lengths)


def test_half_a_surrogate_pair_is_answered_like_any_text(toy_run: Run) -> None:
    assert toy_run.predict(["cut \ud83d here"])["label"].shape == (1,)


def test_the_same_weights_have_the_same_identity(toy_run: Run, toy_models: Path) -> None:
    assert load_predictor(toy_run.path).identity == toy_run.predictor.identity
    by_model, by_version = (load_predictor(toy_models / path) for path in ("toy", "toy/1"))
    assert by_model.identity == by_version.identity != toy_run.predictor.identity
    assert by_model.labels == toy_run.predictor.labels == ("money", "sport", "tech")


def test_answers_are_written_as_the_task_says_also_of_a_model_that_names_none(
    toy_run: Run, toy_models: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_models / "toy" / "1", tmp_path / "toy" / "1")
    (tmp_path / "toy" / "1" / "assets.extra" / "tfapp.json").unlink()
    for model in (toy_run.path, toy_models / "toy", tmp_path / "toy"):
        (answer,) = load_predictor(model).objects(["the ball"], probabilities=True)
        assert list(answer) == ["text", "label", "score", "probabilities"]


def test_the_newest_run_and_the_latest_version_are_taken(toy_run: Run, toy_models: Path, tmp_path: Path) -> None:
    assert load_predictor(toy_run.path.parent).source == toy_run.path
    for version in ("9", "10"):
        shutil.copytree(toy_models / "toy" / "1", tmp_path / "toy" / version)
    assert load_predictor(tmp_path / "toy").source == tmp_path / "toy" / "10"
    assert load_predictor(tmp_path / "toy" / "9").source == tmp_path / "toy" / "9"


def test_what_is_neither_a_run_nor_a_model(toy_run: Run, toy_models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none", tmp_path / "file", toy_models, toy_run.path / "model"):
        with pytest.raises(ModelError, match="neither a run nor an exported model; give runs/NAME") as excinfo:
            load_predictor(path)
        assert str(excinfo.value).startswith(f"{path}: ")


def test_a_model_that_does_not_take_texts(tmp_path: Path) -> None:
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(tmp_path / "other" / "1"), signatures=module.double)
    with pytest.raises(ModelError, match="serving_default does not take the texts of a task; was it exported by tfapp"):
        load_predictor(tmp_path / "other")


def test_a_damaged_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"half a file")
    with pytest.raises(ModelError, match=r"cannot be loaded: .*; export it again") as excinfo:
        load_predictor(tmp_path)
    assert len(str(excinfo.value).splitlines()) == 1
