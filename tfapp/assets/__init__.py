"""Holds the catalogue of presets and data sets by name, and the code that downloads, verifies and caches them.

    folder = pull("bbc-news")           # downloads once; afterwards instant and without a network
    rows = folder / "data.jsonl"

A data set is prepared as one file `data.jsonl`, a preset as a Hugging Face checkpoint folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names
from tfapp.assets.cache import home, is_pulled, path
from tfapp.assets.entries import Asset, catalogue, find, require
from tfapp.assets.fetch import pull
from tfapp.core.progress import OnProgress

__all__ = [
    "Asset",
    "OnProgress",
    "catalogue",
    "find",
    "home",
    "is_pulled",
    "path",
    "pull",
    "require",
]


if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
