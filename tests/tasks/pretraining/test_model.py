"""The masked language model: what it is asked, what it answers, and the checkpoint that it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.toy import VOCABULARY, toy_rows, write_toy_preset
from tfapp.errors import ModelError
from tfapp.models import load_preset
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.pretraining.model import LanguageModel
from tfapp.tasks.pretraining.scratch_preset import make_preset, train_vocabulary
from tfapp.tasks.pretraining.settings import MaskingSettings, PretrainingModelSettings, ScratchSettings

TEXTS = [row["text"] for row in toy_rows(24)]


def build(preset: Path, **masking: object) -> LanguageModel:
    settings = PretrainingModelSettings(preset=str(preset), max_length=16, masking=MaskingSettings(**masking))
    model = build_model("pretraining", settings, ())
    assert isinstance(model, LanguageModel)
    return model


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> LanguageModel:
    return build(shallow_preset)


def original(ids: np.ndarray, splits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    hidden_targets = targets[np.arange(targets.shape[1]) < np.diff(splits)[:, None]]
    return np.where(hidden_targets < 0, ids, hidden_targets)


def test_each_epoch_hides_other_tokens_of_the_same_texts(model: LanguageModel) -> None:
    ids, splits, targets, _ = model.encode({"text": TEXTS})
    repeat = model.encode({"text": TEXTS})
    np.testing.assert_array_equal(ids, repeat[0])
    epochs = [model.resample(ids, splits, targets, np.random.default_rng([0, epoch])) for epoch in (0, 0, 1)]
    np.testing.assert_array_equal(epochs[0][1], epochs[1][1])
    assert (epochs[0][1] != epochs[2][1]).any()
    for inputs, hidden_targets in epochs:
        np.testing.assert_array_equal(original(inputs, splits, hidden_targets), original(ids, splits, targets))


def test_long_texts_are_cut_into_blocks_and_none_is_lost(shallow_preset: Path) -> None:
    model = build(shallow_preset, pack=False)
    ids, splits, targets, _ = model.encode({"text": ["ball " * 50, "\u200b", "tax"]})
    assert np.diff(splits).tolist() == [15, 15, 14, 14, 3]
    assert (original(ids, splits, targets) == VOCABULARY.index("ball")).sum() == 50


def test_it_guesses_at_the_masked_places_what_it_guesses_everywhere(model: LanguageModel) -> None:
    ids, splits, targets, _ = model.encode({"text": TEXTS})
    ragged = tf.RaggedTensor.from_row_splits(ids, splits)
    sums = model.evaluation_outputs(ragged, tf.constant(targets)).numpy()
    logits = model.logits(ragged)
    assert logits.shape[-1] == len(VOCABULARY)
    np.testing.assert_array_equal(sums[:, 2], (targets >= 0).sum(axis=1))
    np.testing.assert_allclose(sums[:, 0] / sums[:, 2], model.loss(targets, logits), rtol=1e-4)
    right = (np.argmax(logits, axis=-1) == targets[:, : logits.shape[1]]).sum(axis=1)
    np.testing.assert_array_equal(sums[:, 1], right)


def test_padding_and_neighbours_change_nothing(model: LanguageModel) -> None:
    ids, splits, targets, _ = model.encode({"text": [*TEXTS, "tax"]})
    ragged = tf.RaggedTensor.from_row_splits(ids, splits)
    batch_outputs = model.evaluation_outputs(ragged, tf.constant(targets)).numpy()
    rows = [
        model.evaluation_outputs(ragged[i : i + 1], tf.constant(targets[i : i + 1])).numpy()[0]
        for i in range(len(targets))
    ]
    np.testing.assert_allclose(batch_outputs, rows, atol=1e-4)


def test_the_loss_of_a_batch_is_the_mean_over_its_tokens(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(write_toy_preset(tmp_path / "still", dropout=0.0))
    ids, splits, targets, _ = model.encode({"text": TEXTS})
    ragged = tf.RaggedTensor.from_row_splits(ids, splits)
    weights = np.array([0.0, *[1.0] * (len(targets) - 1)], np.float32)
    total, count = model.batch_loss(ragged, tf.constant(targets), tf.constant(weights))
    sums = model.evaluation_outputs(ragged, tf.constant(targets)).numpy()[1:]
    assert float(count) == sums[:, 2].sum()
    assert float(total) == pytest.approx(sums[:, 0].sum(), rel=1e-4)


def test_no_texts_are_judged_too(model: LanguageModel) -> None:
    nothing = tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int32), tf.zeros([1], tf.int64))
    assert model.evaluation_outputs(nothing, tf.zeros([0, 16], tf.int32)).shape == (0, 3)
    assert model.logits(nothing).shape[0] == 0


def outputs(backbone: object) -> dict[str, np.ndarray]:
    ids = np.arange(24).reshape(2, 12) % len(VOCABULARY)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    return {name: value.numpy() for name, value in backbone(inputs).items()}  # type: ignore[operator]


def test_its_checkpoint_loads_as_the_same_bert_with_the_same_head(model: LanguageModel, tmp_path: Path) -> None:
    head = model.network.get_layer("prediction")
    head._bias.assign(np.linspace(0, 1, len(VOCABULARY)))
    model.write_products(tmp_path)
    model.write_products(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]
    preset = load_preset(str(tmp_path / "preset"))
    assert (preset.vocabulary, preset.lowercase) == (tuple(VOCABULARY), True)
    for name, value in outputs(preset.backbone()).items():
        np.testing.assert_allclose(value, outputs(model.backbone)[name], atol=1e-6)
    second_model = build(tmp_path / "preset")
    for weight, expected in zip(model.network.weights, second_model.network.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())
    config = json.loads((tmp_path / "preset" / "config.json").read_text())
    assert config["pad_token_id"] == VOCABULARY.index("[PAD]")


def test_saving_keeps_every_weight_the_pooler_too(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert isinstance(loaded_model, LanguageModel)
    assert loaded_model.masking == model.masking
    for name, value in outputs(loaded_model.backbone).items():
        np.testing.assert_array_equal(value, outputs(model.backbone)[name])
    assert loaded_model.trainable_weights() == model.trainable_weights()


def test_a_vocabulary_repeats_and_covers_its_texts() -> None:
    texts = [*TEXTS, "Crème brûlée für Zoë", "今日は", "ﬁne ﬁsh " * 3]
    vocabulary, repeat = (train_vocabulary(texts, size=90, lowercase=True) for _ in range(2))
    assert vocabulary == repeat
    assert len(set(vocabulary)) == 90
    assert list(vocabulary[:5]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    sizes = ScratchSettings(vocabulary_size=90, layers=1, width=8, heads=2)
    preset = make_preset(PretrainingModelSettings(fresh=sizes), texts)
    ids, _ = preset.preprocessor(64).tokenize(texts)
    assert vocabulary.index("[UNK]") not in ids.tolist()
    backbone = preset.backbone()
    assert (backbone.vocabulary_size, backbone.num_layers, backbone.intermediate_dim) == (90, 1, 32)


def test_a_vocabulary_that_the_texts_do_not_make_is_named() -> None:
    with pytest.raises(
        ModelError, match=r"is 5000, but the texts make \d+ word pieces \(that come twice\); set it to \d+"
    ):
        train_vocabulary(TEXTS, size=5000, lowercase=True)
    with pytest.raises(ModelError, match=r"is 10, but the texts make \d+ word pieces \(their characters alone\)"):
        train_vocabulary(TEXTS, size=10, lowercase=True)


def test_blocks_longer_than_the_bert_reads_are_refused(shallow_preset: Path) -> None:
    with pytest.raises(ModelError, match="reads at most 64 tokens"):
        build_model("pretraining", PretrainingModelSettings(preset=str(shallow_preset), max_length=65), ())


def test_in_half_precision_logits_and_weights_stay_whole(shallow_preset: Path) -> None:
    half_precision = build_model(
        "pretraining", PretrainingModelSettings(preset=str(shallow_preset), max_length=16), (), dtype="mixed_bfloat16"
    )
    ids, splits, targets, _ = half_precision.encode({"text": TEXTS[:4]})
    ragged = tf.RaggedTensor.from_row_splits(ids, splits)
    assert half_precision.logits(ragged).dtype == tf.float32
    full_precision = build(shallow_preset).evaluation_outputs(ragged, tf.constant(targets))
    np.testing.assert_allclose(
        half_precision.evaluation_outputs(ragged, tf.constant(targets))[:, 0], full_precision[:, 0], rtol=0.1
    )
