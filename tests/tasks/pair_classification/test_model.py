"""The classifier of pairs: padding, saving, answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks.pair_models import PairModelTests, build_pair_model
from tfapp.models import TaskModel

VARIANTS = [
    {},
    {"multi_label": True, "pooling": "mean"},
    {"pair_encoder": "bi", "pooling": "mean"},
]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TaskModel:
    return build_pair_model(shallow_preset, "pair-classification", ["no", "yes"], **request.param)


class TestPairClassifier(PairModelTests):
    pass
