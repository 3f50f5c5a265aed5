from __future__ import annotations

import dataclasses

import pytest

from tfapp.assets import catalogue, find, require
from tfapp.assets.recipes import RECIPES
from tfapp.config import DataSettings
from tfapp.errors import AssetError


def test_the_catalogue_names_what_the_readme_promises():
    kinds = {name: asset.kind for name, asset in catalogue().items()}
    data_sets = ["bbc-news", "movie-reviews", "product-reviews", "tweets", "editorials", "chatterbot"]
    assert kinds == {"minilm-l6": "preset", **dict.fromkeys(data_sets, "dataset")}


@pytest.mark.parametrize("asset", catalogue().values(), ids=lambda asset: asset.name)
def test_every_entry_can_be_prepared_and_cited(asset):
    assert asset.recipe in RECIPES
    assert asset.title
    assert asset.description
    assert asset.licence
    assert asset.source
    assert asset.size > 0
    assert asset.archive.size > 0
    assert len(bytes.fromhex(asset.archive.sha256)) == 32
    assert asset.archive.version
    assert asset.archive.is_wheel or asset.archive.file.endswith(".tar.gz")


@pytest.mark.parametrize("asset", catalogue().values(), ids=lambda asset: asset.name)
def test_default_data_settings_are_settings(asset):
    settings = DataSettings.model_validate({"train": asset.name, **asset.data})
    if settings.rating is not None:
        assert (settings.rating.column, settings.rating.center, settings.rating.neutral_within) == ("rating", 0.0, 0.5)


def test_the_rated_sets_share_one_archive():
    archives = {catalogue()[name].archive for name in ("movie-reviews", "product-reviews", "tweets", "editorials")}
    assert len(archives) == 1


def test_a_name_is_found_by_its_kind():
    assert find("bbc-news").name == "bbc-news"
    assert find("bbc-news", "dataset").name == "bbc-news"
    assert find("bbc-news", "preset") is None
    assert find("nothing") is None


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("bbc-new", None, 'no preset or data set is called "bbc-new"; did you mean "bbc-news"?'),
        ("minilm", "preset", 'no preset is called "minilm"; did you mean "minilm-l6"?'),
        ("minilm-l6", "dataset", 'no data set is called "minilm-l6"; known: bbc-news, chatterbot,'),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, kind, message):
    with pytest.raises(AssetError) as excinfo:
        require(name, kind)
    assert str(excinfo.value).startswith(message)


def test_the_key_follows_what_the_folder_is_made_from():
    asset = catalogue()["bbc-news"]
    other_archive = dataclasses.replace(asset.archive, sha256="0" * 64)
    variants = [
        dataclasses.replace(asset, archive=other_archive),
        dataclasses.replace(asset, revision=2),
        dataclasses.replace(asset, options={**asset.options, "encodings": {}}),
        dataclasses.replace(asset, recipe="vader"),
    ]
    assert len({asset.key, *(variant.key for variant in variants)}) == 5
    assert dataclasses.replace(asset, title="another").key == asset.key
    assert asset.key.startswith("1.0.0-")
