"""MiniLM untouched gives the sentence embeddings that it was made for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfapp
from tfapp.api import export_preset
from tfapp.config import ModelSettings
from tfapp.tasks.models import build_model

pytestmark = pytest.mark.slow

REFERENCE = json.loads((Path(__file__).parent / "reference" / "minilm-l6.json").read_text(encoding="utf-8"))


def test_its_vectors_are_upstream_s() -> None:
    model = build_model("embedding", ModelSettings(max_length=256), ())
    vectors = model.predict_text({"text": tf.constant(REFERENCE["texts"])})["embedding"].numpy()
    expected = np.array(REFERENCE["vectors"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    # 0.999998 and more: KerasHub computes GELU by its approximation.
    cosines = (vectors * expected).sum(axis=1)
    assert cosines.min() > 0.9999


def test_it_is_served_without_a_training(tmp_path: Path) -> None:
    version = export_preset("minilm-l6", tmp_path, overrides=["model.max_length=256"], quiet=True)
    assert version == tmp_path / "minilm-l6" / "1"
    with tfapp.serve(tmp_path) as server:
        embeddings = server.client.embed("minilm-l6", REFERENCE["texts"])
    np.testing.assert_allclose(embeddings, REFERENCE["vectors"], atol=1e-3)
