"""Changed texts of train: a share of them in each epoch, the same again for the same seed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.toy import toy_rows
from tfapp.config import AugmentSettings, ModelSettings
from tfapp.core.shared_arrays import SharedArrays
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.models import build_model
from tfapp.training import TokenizedSplit, tokenize_split
from tfapp.training.augmentation import Augmentation

LABELS = ["money", "sport", "tech"]


@pytest.fixture(scope="module")
def model(still_preset: Path) -> TaskModel:
    return build_model("classification", ModelSettings(preset=str(still_preset), max_length=16), LABELS)


@pytest.fixture(scope="module")
def split(model: TaskModel) -> TokenizedSplit:
    return tokenize_split(model, table("text"))


def table(*texts: str) -> pa.Table:
    rows = toy_rows(60)
    columns: dict[str, Any] = {
        name: [row["text"] for row in rows[shift:] + rows[:shift]] for shift, name in enumerate(texts)
    }
    return pa.table({**columns, "label": [row["label"] for row in rows], "row": range(60)})


def rows_of(split: TokenizedSplit) -> list[list[int]]:
    return [split.texts.take(np.array([row])).ids.tolist() for row in range(len(split.texts))]


def changed_rows(split: TokenizedSplit, new_split: TokenizedSplit) -> np.ndarray:
    return np.array([a != b for a, b in zip(rows_of(split), rows_of(new_split), strict=True)])


def test_an_epoch_changes_a_share_and_the_next_one_others(model: TaskModel, split: TokenizedSplit) -> None:
    settings = AugmentSettings(share=0.4, kinds=("typos",))
    first, repeat, second = (Augmentation(model, split, settings, seed=3)(split, epoch) for epoch in (0, 0, 1))
    assert rows_of(first) == rows_of(repeat)
    assert 0.2 < changed_rows(split, first).mean() < 0.6
    assert changed_rows(first, second).any()
    assert changed_rows(Augmentation(model, split, settings, seed=4)(split, 0), first).any()
    np.testing.assert_array_equal(first.targets, split.targets)
    assert first.columns == split.columns


def test_changed_rows_are_what_the_perturbed_texts_tokenize_to(model: TaskModel, split: TokenizedSplit) -> None:
    # A BERT of lower case reads capitals as the rest; the other kinds leave each text one form.
    assert not changed_rows(
        split, Augmentation(model, split, AugmentSettings(share=1, kinds=("case",)), 0)(split, 0)
    ).any()
    new_split = Augmentation(model, split, AugmentSettings(share=1, kinds=("word-drop",), word_share=1), 0)(split, 0)
    assert new_split.texts.lengths.tolist() == [3] * len(split.texts)
    for row, original in zip(rows_of(new_split), rows_of(split), strict=True):
        assert row[1] in original


def test_both_texts_of_a_pair_are_changed(still_preset: Path) -> None:
    settings = ModelSettings(preset=str(still_preset), max_length=32)
    model = build_model("pair-classification", settings, LABELS)
    split = tokenize_split(model, table("query", "candidate"))
    new_split = Augmentation(model, split, AugmentSettings(share=1, kinds=("word-drop",), word_share=1), 0)(split, 0)
    # [CLS] word [SEP] word [SEP]
    assert new_split.texts.lengths.tolist() == [5] * len(split.texts)


def test_words_of_train_take_each_other_s_places(model: TaskModel, split: TokenizedSplit) -> None:
    settings = AugmentSettings(share=1, kinds=("neighbours",), word_share=0.5)
    changed_split = Augmentation(model, split, settings, 0)(split, 0)
    assert changed_rows(split, changed_split).mean() > 0.8
    assert set(changed_split.texts.ids) <= set(split.texts.ids)


def test_texts_of_an_epoch_are_not_kept_for_other_processes(
    still_preset: Path, split: TokenizedSplit, tmp_path: Path
) -> None:
    model = build_model("classification", ModelSettings(preset=str(still_preset), max_length=16), LABELS)
    model.preprocessor.shared = SharedArrays(tmp_path / "shared", tmp_path)
    Augmentation(model, split, AugmentSettings(share=1), 0)(split, 0)
    assert list(tmp_path.iterdir()) == []
    assert model.preprocessor.shared is not None


def test_rows_that_are_several_examples_are_refused(model: TaskModel, split: TokenizedSplit) -> None:
    windows = replace(split, texts=split.texts.take(np.repeat(np.arange(60), 2)))
    with pytest.raises(TrainingError, match="an example each"):
        Augmentation(model, windows, AugmentSettings(share=1), 0)
