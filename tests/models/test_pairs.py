"""Models of pairs: tokens and segments as BERT has them, targets, losses and answers, saving, padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import contract
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from tests.toy import VOCABULARY
from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models import Preprocessor, TaskModel
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.ranking.model import PairRanker
from tfapp.tasks.registry import find_task

PAIRS = [("the ball", "a goal"), ("", ""), ("bank", "price stock tax trade profit bank price stock tax trade")]
SPECIAL = {name: VOCABULARY.index(f"[{name}]") for name in ("CLS", "SEP")}


def reference(max_length: int) -> Tokenizer:
    """Hugging Face's tokenizer, which cuts the longer text first."""
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(f"[{name}]", number) for name, number in SPECIAL.items()],
    )
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    return tokenizer


TEXTS = st.lists(st.sampled_from(["ball", "goal", "team", "tax", "today", "zzz", ",", "."]), max_size=9).map(" ".join)
LIMITS = {
    length: (Preprocessor(VOCABULARY, lowercase=True, max_length=length), reference(length)) for length in (4, 9, 12)
}


@settings(max_examples=40)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.sampled_from(sorted(LIMITS)))
def test_pairs_are_tokenized_and_cut_as_the_reference_does(pairs: list[tuple[str, str]], length: int) -> None:
    preprocessor, oracle = LIMITS[length]
    firsts, seconds = (list(texts) for texts in zip(*pairs, strict=True))
    ids = preprocessor(tf.constant(firsts), tf.constant(seconds))
    expected = [oracle.encode(one, two) for one, two in pairs]
    assert ids.to_list() == [found.ids for found in expected]
    segments = preprocessor.pad(ids, preprocessor.segments(ids))["segment_ids"].numpy()
    for row, found in zip(segments.tolist(), expected, strict=True):
        assert row == found.type_ids + [0] * (len(row) - len(found.type_ids))
    flat, splits = preprocessor.tokenize(firsts, seconds, chunk=3)
    assert flat.tolist() == ids.values.numpy().tolist()
    assert splits.tolist() == ids.row_splits.numpy().tolist()


def test_a_separator_in_a_text_does_not_move_the_segments() -> None:
    preprocessor, _ = LIMITS[12]
    ids = preprocessor(tf.constant(["[SEP] ball"]), tf.constant(["goal"]))
    assert ids[0].numpy().tolist().count(SPECIAL["SEP"]) == 2


def build(preset: Path, task: str, labels: list[str], **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    model = build_model(task, find_task(task).settings.model(preset=str(preset), max_length=16, **changes), labels)
    # Random weights say the same of every text; wider ones tell texts apart.
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 8)
    return model


def logits_of(model: TaskModel, pairs: list[tuple[str, str]]) -> np.ndarray:
    columns = (tf.constant([pair[place] for pair in pairs], tf.string) for place in range(2))
    return model.logits(model.preprocessor(*columns)).numpy()


VARIANTS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("pair-classification", ["no", "yes"], {}),
    ("pair-classification", ["no", "yes"], {"multi_label": True, "pooling": "mean"}),
    ("ranking", ["0", "3"], {}),
    ("ranking", ["0", "1"], {"pooling": "max"}),
    ("pair-classification", ["no", "yes"], {"pair_encoder": "bi", "pooling": "mean"}),
]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TaskModel:
    task, labels, changes = request.param
    return build(shallow_preset, task, labels, **changes)


def test_padding_changes_nothing(model: TaskModel) -> None:
    alone = np.concatenate([logits_of(model, [pair]) for pair in PAIRS])
    np.testing.assert_allclose(logits_of(model, PAIRS), alone, atol=1e-5)


def test_the_texts_are_told_apart(model: TaskModel) -> None:
    one, other = logits_of(model, [("ball goal", "tax"), ("tax", "ball goal")])
    assert not np.allclose(one, other, atol=1e-3)


def test_saving_keeps_the_answers(model: TaskModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = load_model(tmp_path)
    assert type(again) is type(model)
    np.testing.assert_array_equal(logits_of(again, PAIRS), logits_of(model, PAIRS))
    assert again.config() == model.config()


@pytest.mark.parametrize("pairs", [PAIRS, []])
def test_answers_fulfil_the_contract(model: TaskModel, pairs: list[tuple[str, str]]) -> None:
    answers = model.answers(tf.constant(logits_of(model, pairs)))
    for spec in contract.TASKS[model.task.name].outputs:
        if spec.name in answers:
            assert answers[spec.name].dtype.name == spec.dtype
            assert answers[spec.name].shape.rank == spec.rank
            assert answers[spec.name].shape[0] == len(pairs)
        else:
            assert spec.optional


def test_grades_are_shares_of_the_top_one(shallow_preset: Path) -> None:
    model = build(shallow_preset, "ranking", ["0", "3"])
    assert isinstance(model, PairRanker)
    targets = model.encode_targets([0.0, 1.5, 3.0, 6.0])
    assert targets.tolist() == [0.0, 0.5, 1.0, 2.0]
    logits = np.array([0.3, -2.0, 1.0, 0.5], np.float32)
    capped = np.minimum(targets, 1)[:, None]
    expected = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")(capped, logits[:, None])
    np.testing.assert_allclose(model.loss(targets, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(model.answers(tf.constant(logits))["score"], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_what_pairs_do_not_have_is_named(shallow_preset: Path) -> None:
    with pytest.raises(ModelError, match="there is no lstm model for ranking"):
        build(shallow_preset, "ranking", ["0", "1"], kind="lstm")
    with pytest.raises(ModelError, match=r"model\.max_length is 99, .* at most 64 tokens at once; take fewer$"):
        build_model("ranking", ModelSettings(preset=str(shallow_preset), max_length=99), ["0", "1"])
