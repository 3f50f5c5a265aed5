"""Tests what a KerasHub BERT's weights are called: how deep they are, which are kernels, and of what shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfapp.models import Preset, load_preset
from tfapp.models.backbones import depth_of, kernel_rows, kernels_by_layer

ATTENTION = {"query", "key", "value", "attention_output"}
FEEDFORWARD = {"feedforward_intermediate_dense", "feedforward_output_dense"}


@pytest.fixture(scope="module")
def preset(toy_preset: Path) -> Preset:
    return load_preset(str(toy_preset))


def test_depth_rises_from_the_embeddings_to_the_pooler(preset: Preset) -> None:
    backbone = preset.backbone()
    depths = {variable.path: depth_of(backbone, variable) for variable in backbone.trainable_variables}
    for path, depth in depths.items():
        first = path.split("/")[0]
        expected = {"transformer_layer_0": 1, "transformer_layer_1": 2, "pooled_dense": 3}.get(first, 0)
        assert depth == expected, path
    assert {path.split("/")[0] for path, depth in depths.items() if depth == 0} == {
        "token_embedding",
        "position_embedding",
        "segment_embedding",
        "embeddings_layer_norm",
    }


def test_every_dense_layer_is_found_with_its_matrix(preset: Preset) -> None:
    backbone = preset.backbone()
    kernels = kernels_by_layer(backbone.trainable_variables)
    assert set(kernels) == ATTENTION | FEEDFORWARD | {"pooled_dense"}
    assert all(len(places) == 2 for name, places in kernels.items() if name != "pooled_dense")
    assert [variable.path.split("/")[0] for variable in kernels["query"]] == [
        "transformer_layer_0",
        "transformer_layer_1",
    ]
    rows = {name: kernel_rows(backbone, places[0]) for name, places in kernels.items()}
    # 32 wide, 64 inside the feed-forward layer; attention's kernels have the 2 heads as an axis of their own.
    assert rows == {name: 64 if name == "feedforward_output_dense" else 32 for name in kernels}
    assert tuple(kernels["attention_output"][0].shape) == (2, 16, 32)
