"""Holds all work on rows of texts before a network sees them: reading, cleaning, splitting, describing, scoring files.

Example:
    splits = load(DataSettings(train="news.csv"), schema=find_task("classification").schema)
    splits.train["text"], splits.labels, splits.report.findings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names
from tfapp.core.progress import OnProgress
from tfapp.data.cleaning import normalize_text
from tfapp.data.describe import CountTokens, Description, LengthStats, describe
from tfapp.data.file_formats import detect_format
from tfapp.data.findings import DataReport, Finding
from tfapp.data.overlap import OverlapMasks, find_overlap
from tfapp.data.proposals.data_sample import DataSample, take_sample
from tfapp.data.proposals.proposal import QUALITIES, Candidate, Proposal, Quality
from tfapp.data.proposals.starter import experiment_name, write_starter
from tfapp.data.scoring import score_file
from tfapp.data.sources import AssetCatalogue, Pull, Source, resolve
from tfapp.data.split_loader import load, load_table
from tfapp.data.splits import Splits, fingerprint_rows
from tfapp.data.table_reader import read_batches, read_table

__all__ = [
    "QUALITIES",
    "AssetCatalogue",
    "Candidate",
    "CountTokens",
    "DataReport",
    "DataSample",
    "Description",
    "Finding",
    "LengthStats",
    "OnProgress",
    "OverlapMasks",
    "Proposal",
    "Pull",
    "Quality",
    "Source",
    "Splits",
    "describe",
    "detect_format",
    "experiment_name",
    "find_overlap",
    "fingerprint_rows",
    "load",
    "load_table",
    "normalize_text",
    "read_batches",
    "read_table",
    "resolve",
    "score_file",
    "take_sample",
    "write_starter",
]


if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
