"""Batches of similar length: every text once, the same for the same seed, and little padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.data.batches import TokenizedTexts, epoch_batches, inference_batches, inference_dataset, training_dataset

lengths_of_texts = st.lists(st.integers(2, 128), min_size=1, max_size=200).map(np.array)
batch_sizes = st.integers(1, 40)


@given(lengths=lengths_of_texts, batch_size=batch_sizes, seed=st.integers(0, 2**32), epoch=st.integers(0, 100))
def test_every_text_counts_once_an_epoch(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> None:
    rows, weights = epoch_batches(lengths, batch_size, seed=seed, epoch=epoch)
    assert rows.shape == weights.shape == (-(-len(lengths) // batch_size), batch_size)
    assert sorted(rows[weights == 1].tolist()) == list(range(len(lengths)))
    assert set(np.unique(weights)) <= {0.0, 1.0}
    # What tops the last batch up is a text too, and no batch is made of topping alone.
    assert rows.min() >= 0
    assert rows.max() < len(lengths)
    assert (weights.sum(axis=1) > 0).all()
    repeat = epoch_batches(lengths, batch_size, seed=seed, epoch=epoch)
    assert np.array_equal(repeat[0], rows)
    assert np.array_equal(repeat[1], weights)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    lengths = np.random.default_rng(0).integers(5, 100, 300)
    orders = {epoch_batches(lengths, 8, seed=seed, epoch=epoch)[0].tobytes() for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    # Not the same batches in another order only: a text's neighbours differ.
    first, second = (epoch_batches(lengths, 8, seed=0, epoch=epoch)[0] for epoch in (0, 1))
    batch_sets = [{frozenset(batch.tolist()) for batch in epoch} for epoch in (first, second)]
    assert len(batch_sets[0] & batch_sets[1]) < len(batch_sets[0]) // 2


def test_long_and_short_batches_come_in_turn() -> None:
    """The mean length of the batches must not rise or fall through the epoch."""
    lengths = _realistic(2000)
    rows, _ = epoch_batches(lengths, 16, seed=0, epoch=0)
    means = lengths[rows].mean(axis=1)
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


@settings(max_examples=30)
@given(count=st.integers(500, 2500), scale=st.sampled_from([1, 2]), seed=st.integers(0, 1000))
def test_padding_stays_under_a_tenth_of_the_tokens(count: int, scale: int, seed: int) -> None:
    lengths, batch_size = _realistic(scale * count, seed), scale * 16
    rows, weights = epoch_batches(lengths, batch_size, seed=seed, epoch=0)
    token_count = (lengths[rows].max(axis=1) * batch_size).sum()
    # What tops a batch up is work for nothing as well.
    assert 1 - (lengths[rows] * weights).sum() / token_count < 0.1
    batches = inference_batches(lengths, batch_size)
    assert 1 - lengths.sum() / sum(len(batch) * lengths[batch].max() for batch in batches) < 0.1


@given(lengths=lengths_of_texts, batch_size=batch_sizes)
def test_inference_answers_every_text_once(lengths: np.ndarray, batch_size: int) -> None:
    batches = inference_batches(lengths, batch_size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size
    assert np.all(np.diff([lengths[batch].max() for batch in batches]) >= 0)


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=8), st.data())
def test_some_texts_are_taken_in_the_order_asked_for(rows: list[list[int]], data: st.DataObject) -> None:
    splits = np.cumsum([0, *map(len, rows)])
    all_texts = TokenizedTexts(np.array([token for row in rows for token in row], np.int32), splits)
    order = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    selection = all_texts.take(np.array(order, np.int64))
    assert [part.tolist() for part in np.split(selection.ids, selection.splits[1:-1])][: len(order)] == [
        rows[number] for number in order
    ]


@pytest.fixture(scope="module")
def texts() -> TokenizedTexts:
    lengths = np.array([3, 1, 4, 1, 5])
    splits = np.concatenate([[0], np.cumsum(lengths)])
    return TokenizedTexts(np.arange(splits[-1], dtype=np.int32), splits)


def test_a_training_pipeline_gathers_texts_and_targets(texts: TokenizedTexts) -> None:
    rows, weights = epoch_batches(texts.lengths, 2, seed=0, epoch=0)
    targets = np.array([10, 11, 12, 13, 14], np.int32)
    elements = list(training_dataset(texts, targets, rows, weights))
    assert len(elements) == 3
    for (ids, row_targets, weight), numbers, expected in zip(elements, rows, weights, strict=True):
        assert ids.to_list() == [texts.ids[texts.splits[n] : texts.splits[n + 1]].tolist() for n in numbers]
        assert row_targets.numpy().tolist() == (numbers + 10).tolist()
        assert np.array_equal(weight, expected)


def test_an_inference_pipeline_gathers_texts(texts: TokenizedTexts) -> None:
    batches = inference_batches(texts.lengths, 2)
    rows = [text for ids in inference_dataset(texts, batches) for text in ids.to_list()]
    order = np.concatenate(batches)
    assert rows == [texts.ids[texts.splits[n] : texts.splits[n + 1]].tolist() for n in order]


def test_no_pipeline_has_a_tuner_whose_sleep_its_end_would_wait_for(texts: TokenizedTexts) -> None:
    rows, weights = epoch_batches(texts.lengths, 2, seed=0, epoch=0)
    assert training_dataset(texts, np.zeros(5), rows, weights).options().autotune.enabled is False
    assert inference_dataset(texts, inference_batches(texts.lengths, 2)).options().autotune.enabled is False


def _realistic(count: int, seed: int = 0) -> np.ndarray:
    """Log-normal lengths as news and reviews have them, cut at 128 tokens."""
    return np.clip(np.random.default_rng(seed).lognormal(3.2, 0.7, count).astype(int), 3, 128)
