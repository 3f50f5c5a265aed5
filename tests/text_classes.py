"""Reads texts with classes: the readers of `tfapp.data` with the schema of classification, where a test gives none."""

from __future__ import annotations

from functools import partial

from tfapp import data
from tfapp.tasks.registry import find_task

__all__ = ["describe", "load", "load_table", "read_table"]

_SCHEMA = find_task("classification").schema

describe = partial(data.describe, schema=_SCHEMA)
load = partial(data.load, schema=_SCHEMA)
load_table = partial(data.load_table, schema=_SCHEMA)
read_table = partial(data.read_table, schema=_SCHEMA)
