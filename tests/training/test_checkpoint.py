"""Checkpoints: what was saved comes back, and nothing else is taken for one."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from tfapp.errors import TrainingError
from tfapp.training.checkpoint import load_checkpoint, save_checkpoint


def variables(*values: object) -> list[keras.Variable]:
    return [keras.Variable(np.asarray(value)) for value in values]


def fill(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.asarray(variable.numpy()) for variable in variables]


def test_variables_and_state_come_back(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.npz"
    originals = variables(
        np.random.default_rng(0).normal(size=(3, 2)).astype("float32"), np.int32(7), np.zeros(0, "float32")
    )
    state = {"epoch": 1, "step": 5, "best_score": -math.inf, "best_loss": 0.1 + 0.2}
    save_checkpoint(file, originals, state)
    copies = variables(np.zeros((3, 2), "float32"), np.int32(0), np.zeros(0, "float32"))
    assert load_checkpoint(file, copies) == state
    for array, expected in zip(fill(originals), fill(copies), strict=True):
        assert np.array_equal(array, expected)
        assert array.dtype == expected.dtype
    assert list(tmp_path.iterdir()) == [file]


def test_more_than_ten_variables_keep_their_places(tmp_path: Path) -> None:
    originals = variables(*(np.float32(number) for number in range(120)))
    save_checkpoint(tmp_path / "c.npz", originals, {})
    copies = variables(*(np.float32(-1) for _ in range(120)))
    load_checkpoint(tmp_path / "c.npz", copies)
    assert [float(value) for value in fill(copies)] == list(range(120))


@pytest.mark.parametrize("shapes", [[(3,)], [(3,), (2,), (1,)], [(3,), (3,)], [(2,), (3,)]])
def test_a_checkpoint_of_another_model_changes_nothing(tmp_path: Path, shapes: list[tuple[int, ...]]) -> None:
    file = tmp_path / "c.npz"
    save_checkpoint(file, variables(np.ones(3, "float32"), np.ones(2, "float32")), {})
    other_variables = variables(*(np.zeros(shape, "float32") for shape in shapes))
    with pytest.raises(TrainingError, match="of another model; start a new run without --resume"):
        load_checkpoint(file, other_variables)
    assert all(not value.any() for value in fill(other_variables))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not all of it", b"words"])
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "c.npz"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match=r"c\.npz") as excinfo:
        load_checkpoint(file, variables(np.zeros(3)))
    assert len(str(excinfo.value).splitlines()) == 1


def test_a_failed_write_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "c.npz"
    save_checkpoint(file, variables(np.float32(1)), {"step": 1})
    with pytest.raises(TypeError):
        save_checkpoint(file, variables(np.float32(2)), {"step": object()})
    copies = variables(np.float32(0))
    assert load_checkpoint(file, copies) == {"step": 1}
    assert float(fill(copies)[0]) == 1.0
