"""Models that do not learn compute as exported ones do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.networks import build, rows_of
from tfapp.models import BertModel
from tfapp.workflows.inference import packed_model


def test_a_packed_model_answers_as_the_network_with_the_weights_of_then(shallow_preset: Path) -> None:
    model = build(shallow_preset, "mean")
    ids = rows_of(model, [5, 2, 30], 5)
    logits = model.logits(ids).numpy()
    twin = packed_model(model)
    assert isinstance(twin, BertModel)
    assert twin.inference is not None
    np.testing.assert_allclose(twin.logits(ids), logits, atol=1e-4)
    for weight in model.network.trainable_weights:
        weight.assign(weight * 2)
    np.testing.assert_allclose(twin.logits(ids), logits, atol=1e-4)
    assert not np.allclose(model.logits(ids), logits, atol=1e-2)


def test_half_the_bits_are_about_the_same(shallow_preset: Path) -> None:
    model = build(shallow_preset, "pairs apart")
    ids = rows_of(model, [5, 9, 30], 5)
    expected = model.features(ids).numpy()
    features = packed_model(model, bfloat16=True).features(ids).numpy()
    assert 0 < np.abs(features - expected).max() < 0.1 * np.abs(expected).max()


def test_a_gpu_computes_the_network_itself(shallow_preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(shallow_preset, "mean")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: ["a GPU"])
    assert packed_model(model) is model
