"""Tests where data comes from: a data set's own settings, and the user's over them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tfapp.assets import catalogue
from tfapp.config import DataSettings, dump_toml
from tfapp.data.sources import resolve
from tfapp.tasks.experiments import parse_experiment

NAMES = [name for name, asset in catalogue().items() if asset.kind == "dataset" and asset.data]


def settings_of(name: str, settings: DataSettings) -> DataSettings:
    return resolve(name, settings, pull=lambda _name: Path("somewhere")).settings


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("changes", [{}, {"rating": {"neutral_within": 0.3}}, {"label": "product"}], ids=str)
def test_a_run_reads_its_data_as_it_was_trained_on(name: str, changes: dict[str, object]) -> None:
    experiment = parse_experiment({"name": "x", "data": {"train": name, **changes}})
    copy = parse_experiment(tomllib.loads(dump_toml(experiment)))
    assert settings_of(name, copy.data) == settings_of(name, experiment.data)


def test_a_data_set_brings_its_rating_and_the_user_changes_it() -> None:
    def read(**changes: object) -> DataSettings:
        return settings_of("tweets", DataSettings.model_validate({"train": "tweets", **changes}))

    own_rating = read().rating
    assert own_rating is not None
    rating = read(rating={"neutral_within": 0.3}).rating
    assert rating == own_rating.model_copy(update={"neutral_within": 0.3})
    assert read(label="source").rating is None
