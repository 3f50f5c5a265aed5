"""The classifier of pairs: padding, saving, answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks.pair_models import PAIRS, build_pair_model, check_contract, check_padding, check_saving
from tfapp.models import TaskModel

VARIANTS = [
    {},
    {"multi_label": True, "pooling": "mean"},
    {"pair_encoder": "bi", "pooling": "mean"},
]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TaskModel:
    return build_pair_model(shallow_preset, "pair-classification", ["no", "yes"], **request.param)


def test_padding_changes_nothing_and_texts_do(model: TaskModel) -> None:
    check_padding(model)


def test_saving_keeps_the_answers(model: TaskModel, tmp_path: Path) -> None:
    check_saving(model, tmp_path)


@pytest.mark.parametrize("pairs", [PAIRS, []])
def test_answers_fulfil_the_contract(model: TaskModel, pairs: list[tuple[str, str]]) -> None:
    check_contract(model, pairs)
