"""Tests which version of an application's models is the release, where labels say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.registry.fake_versions import add_versions
from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.embedding_model import EmbeddingModel
from tfapp.core.progress_bar import progress
from tfapp.registry import STABLE, LabelStore


class _Complete:
    """Vectors of every version are there already."""

    def texts_without_vectors(self, _identity: str) -> dict[str, str]:
        return {}


def test_vectors_are_made_by_the_version_that_is_released(tmp_path: Path) -> None:
    embedder = EmbeddingModel(
        ApplicationModels(add_versions(tmp_path, "minilm", 1, 2)), "minilm", show_progress=progress
    )
    vectors: Any = _Complete()
    assert embedder.embed_missing(vectors) == ("minilm/2", 0)
    LabelStore.open(tmp_path).set_label("minilm", STABLE, 1, "promote", expected=None)
    assert embedder.embed_missing(vectors) == ("minilm/1", 0)


def test_a_training_says_where_a_label_keeps_its_version_from_being_served(tmp_path: Path) -> None:
    models = ApplicationModels(add_versions(tmp_path, "intents", 1, 2))
    assert models.promotion_hint("intents", 2) == ""
    LabelStore.open(tmp_path).set_label("intents", STABLE, 1, "promote", expected=None)
    hint = models.promotion_hint("intents", 2)
    assert hint == f"not served before `tfapp models promote intents 2 --models {tmp_path}`"
