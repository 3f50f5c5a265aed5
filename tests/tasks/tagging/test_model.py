"""The tagger: tags on first pieces, windows that change nothing, legal tags only, saving, padding."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import contract

from tfapp.errors import ModelError
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.tagging.entity_spans import merge_words, tag_words
from tfapp.tasks.tagging.model import TextTagger
from tfapp.tasks.tagging.predicted_entities import to_entities
from tfapp.tasks.tagging.pretokenizer import Words
from tfapp.tasks.tagging.settings import TaggingModelSettings

TEXTS = ["the ball, a goal!", "", "bank don't café 日本 today report says more more more", "x" * 200 + " tax"]
LABELS = ("money", "sport")


def span(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def build(preset: Path, **changes: Any) -> TextTagger:
    keras.utils.set_random_seed(3)
    model = build_model("tagging", TaggingModelSettings(preset=str(preset), **({"max_length": 32} | changes)), LABELS)
    # Random weights say the same of every word; wider ones tell words apart.
    for weight in model.network.trainable_weights:
        weight.assign(weight * 4 if weight.name == "kernel" else weight)
        if weight.path.startswith("transitions"):
            weight.assign(keras.random.normal(weight.shape, seed=len(weight.shape)))
    assert isinstance(model, TextTagger)
    return model


def ids_of(model: TextTagger, texts: list[str]) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_splits(*model.tokenize({"text": texts}))


@pytest.fixture(scope="module", params=["constrained", "crf", "greedy"])
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TextTagger:
    return build(shallow_preset, decoding=request.param)


def tag_texts(model: TextTagger, texts: list[str]) -> list[list[dict[str, Any]]]:
    outputs = model.predict_text({"text": tf.constant(texts, tf.string)})
    return to_entities({name: value.numpy() for name, value in outputs.items()}, texts)


def test_first_pieces_have_the_tags_of_the_spans_they_overlap(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    texts = ["the café's ball", "goal"]
    spans = [[span(4, 8, "money"), span(9, 15, "sport")], []]
    ids, splits, targets, _ = model.encode({"text": texts, "label": spans})
    assert targets.shape == (2, int(np.diff(splits).max()))
    words = {text: number for number, text in enumerate(model.preprocessor.vocabulary)}
    pieces = ids[splits[0] : splits[1]]
    assert targets[0, pieces == words["the"]].tolist() == [0]
    assert targets[0, pieces == words["c"]].tolist() == [1]
    assert targets[0, pieces == words["##a"]].tolist() == [-1]
    # Of "'s ball" the sign before the s is outside, the s and the ball belong to one span.
    assert [tag for tag in targets[0].tolist() if tag >= 0] == [0, 1, 0, 3, 4]
    assert [tag for tag in targets[1].tolist() if tag >= 0] == [0]
    with pytest.raises(ModelError, match="label 'tech' is none of the model's 2: money, sport"):
        model.encode({"text": ["goal"], "label": [[span(0, 4, "tech")]]})


def test_spans_need_not_end_where_words_do() -> None:
    starts, ends, types = np.array([0, 4, 9]), np.array([3, 8, 12]), {"a": 0, "b": 1}
    assert tag_words(starts, ends, [span(1, 2, "a"), span(2, 7, "b")], types).tolist() == [1, 3, 0]
    assert tag_words(starts, ends, [span(3, 4, "a")], types).tolist() == [0, 0, 0]
    assert tag_words(starts, ends, [span(2, 3, "b"), span(3, 12, "a")], types).tolist() == [3, 1, 2]
    assert tag_words(starts[:0], ends[:0], [span(0, 1, "a")], types).tolist() == []


def test_padding_and_neighbours_change_nothing(model: TextTagger) -> None:
    batch_logits = model.logits(ids_of(model, TEXTS)).numpy()
    for row, text in enumerate(TEXTS):
        row_logits = model.logits(ids_of(model, [text])).numpy()[0]
        np.testing.assert_allclose(batch_logits[row, : len(row_logits)], row_logits, atol=1e-5)
        assert not np.any(batch_logits[row, len(row_logits) - 1 :])
    assert tag_texts(model, TEXTS)[0] == [
        entity | {"score": pytest.approx(entity["score"], abs=1e-5)} for entity in tag_texts(model, TEXTS[:1])[0]
    ]


def test_answers_fulfil_the_contract_and_lie_in_the_text(model: TextTagger) -> None:
    for texts in (TEXTS, [""], []):
        outputs = model.predict_text({"text": tf.constant(texts, tf.string)})
        for spec in contract.TAGGING.outputs:
            assert outputs[spec.name].dtype.name == spec.dtype
            assert outputs[spec.name].shape.rank == spec.rank
            assert outputs[spec.name].shape[0] == len(texts)
        for text, entities in zip(texts, tag_texts(model, texts), strict=True):
            assert all(
                0 <= entity["start"] < entity["end"] <= len(text) and 0 < entity["score"] <= 1 for entity in entities
            )
            assert all(entity["end"] <= next_entity["start"] for entity, next_entity in pairwise(entities))
    assert any(tag_texts(model, TEXTS))


def test_logits_that_are_known_give_the_same_spans(model: TextTagger) -> None:
    logits = model.logits(ids_of(model, TEXTS)).numpy()
    for entities, expected in zip(model.find(TEXTS, logits), tag_texts(model, TEXTS), strict=True):
        assert entities == [entity | {"score": pytest.approx(entity["score"], abs=1e-5)} for entity in expected]
    assert model.find([], logits[:0]) == []


def test_saving_keeps_the_answers(model: TextTagger, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert isinstance(loaded_model, TextTagger)
    assert loaded_model.config() == model.config()
    assert tag_texts(loaded_model, TEXTS) == tag_texts(model, TEXTS)


def decode(model: TextTagger, scores: np.ndarray) -> list[tuple[int, int, str]]:
    """Returns what becomes of the scores of one text's words, a word a place."""
    count = len(scores)
    row = tf.RaggedTensor.from_row_lengths(tf.range(count), [count])
    words = Words(row, row, row, row + 1)
    outputs = model._outputs(tf.constant(scores[None]), words)
    entities = to_entities({name: value.numpy() for name, value in outputs.items()}, ["x" * count])[0]
    return [(entity["start"], entity["end"], entity["tag"]) for entity in entities]


def test_no_illegal_sequence_comes_out(shallow_preset: Path) -> None:
    greedy, constrained_model = (build(shallow_preset, decoding=decoding) for decoding in ("greedy", "constrained"))
    # O, then inside of a type that did not begin, which is a little better than its beginning; a jump between types.
    scores = np.log(
        [[0.8, 0.1, 0.04, 0.03, 0.03], [0.1, 0.3, 0.4, 0.1, 0.1], [0.05, 0.05, 0.5, 0.05, 0.35]], dtype=np.float32
    )
    assert decode(greedy, scores) == decode(constrained_model, scores) == [(1, 3, "money")]
    scores = np.log([[0.1, 0.5, 0.2, 0.1, 0.1], [0.05, 0.02, 0.03, 0.3, 0.6]], dtype=np.float32)
    assert decode(greedy, scores) == [(0, 1, "money"), (1, 2, "sport")]
    assert decode(constrained_model, scores) == [(0, 1, "money"), (1, 2, "sport")]
    # Where the border is in doubt, the best legal whole wins: B-sport I-sport over B-money B-sport.
    scores = np.log([[0.02, 0.45, 0.01, 0.44, 0.08], [0.02, 0.02, 0.02, 0.14, 0.8]], dtype=np.float32)
    assert decode(greedy, scores) == [(0, 1, "money"), (1, 2, "sport")]
    assert decode(constrained_model, scores) == [(0, 2, "sport")]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4), max_size=8))
def test_merging_words_is_that_of_plain_python(tags: list[int]) -> None:
    expected: list[tuple[int, int, str]] = []
    last_tag = 0
    for place, tag in enumerate(tags):
        kind = (tag + 1) // 2
        if kind and tag % 2 == 0 and kind == (last_tag + 1) // 2:
            expected[-1] = (expected[-1][0], place + 1, expected[-1][2])
        elif kind:
            expected.append((place, place + 1, LABELS[kind - 1]))
        last_tag = tag
    # Twice the same text, so that what ends a text does not go on in the next.
    row = tf.RaggedTensor.from_row_lengths(tf.tile(tf.range(len(tags)), [2]), [len(tags)] * 2)
    certain = tf.constant([[1.0 - 0.1 * place for place in range(len(tags))]] * 2, tf.float32)
    outputs = merge_words(tf.constant([tags] * 2, tf.int32), certain, Words(row, row, row, row + 1), LABELS)
    for entities in to_entities({name: value.numpy() for name, value in outputs.items()}, ["x" * 8] * 2):
        assert [(entity["start"], entity["end"], entity["tag"]) for entity in entities] == expected
        assert [entity["score"] for entity in entities] == pytest.approx([1.1 - 0.1 * end for _, end, _ in expected])


def test_a_long_text_is_read_to_its_end(shallow_preset: Path) -> None:
    short_model = build(shallow_preset, max_length=12)
    text = " ".join(["ball", "goal", "tax", "bank", "more"] * 40)
    ids = ids_of(short_model, [text])
    assert ids.row_lengths().numpy().tolist() == [202]
    logits = short_model.logits(ids).numpy()
    assert logits.shape == (1, 202, 5)
    assert np.all(np.any(logits[0, 1:-1] != 0, axis=1))
    # A text that fits into one window is read as one.
    long_model = build(shallow_preset, max_length=64)
    np.testing.assert_array_equal(
        long_model.logits(ids[:, :50]), build(shallow_preset, max_length=50).logits(ids[:, :50])
    )


def test_a_loss_counts_each_word_alike(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    texts = ["the ball", "goal tax bank more"]
    ids, splits, targets, _ = model.encode({"text": texts, "label": [[span(4, 8, "sport")], []]})
    logits = model.logits(tf.RaggedTensor.from_row_splits(ids, splits))
    chances = tf.nn.softmax(logits).numpy()
    single = [-np.log(chances[row, word, max(targets[row, word], 0)]) for row, word in np.argwhere(targets >= 0)]
    model.prepare(targets)
    # Six words, three a text.
    np.testing.assert_allclose(model.loss(targets, logits), [sum(single[:2]) / 3, sum(single[2:]) / 3], rtol=1e-5)
    wide = np.pad(targets, [(0, 0), (0, 5)], constant_values=-1)
    np.testing.assert_allclose(model.loss(wide, logits), model.loss(targets, logits))
    total, words = model.word_losses(targets, logits.numpy())
    assert (total, words) == (pytest.approx(sum(single), rel=1e-5), 6)


def test_balanced_weights_are_scikit_learn_s(shallow_preset: Path) -> None:
    model = build(shallow_preset, class_weights="balanced")
    targets = np.array([[-1, 0, 0, -1, 0, 3, -1]], np.int32)
    logits = tf.zeros([1, 7, 5])
    model.prepare(targets)
    # Four words, two tags: 4 / (2 x 3) for O, 4 / (2 x 1) for B-sport; one in the mean.
    assert model._weights[[0, 3]].tolist() == pytest.approx([4 / 6, 2.0])
    np.testing.assert_allclose(model.loss(targets, logits), [np.log(5)], rtol=1e-5)


def test_a_crf_learns_what_follows_what(shallow_preset: Path) -> None:
    model = build(shallow_preset, decoding="crf")
    ids, splits, targets, _ = model.encode({"text": ["the ball goal"], "label": [[span(4, 13, "sport")]]})
    ragged = tf.RaggedTensor.from_row_splits(ids, splits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.loss(targets, model.logits(ragged, training=True)))
    variables = {variable.path: variable.value for variable in model.network.trainable_variables}
    gradients = tape.gradient(loss, variables)
    assert float(loss) > 0
    for name in ("start", "between", "end"):
        assert np.any(gradients[f"transitions/{name}"].numpy())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": "lstm"}, "there is no lstm model for tagging"), ({"max_length": 99}, r"model\.max_length is 99")],
)
def test_what_taggers_do_not_have_is_named(shallow_preset: Path, changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(shallow_preset, **changes)
