"""Holds the search of settings: the study, its trials in processes of their own, and the training of the winner."""

from __future__ import annotations

from tfapp.workflows.search.result import SearchResult, SeedResult, TrialResult
from tfapp.workflows.search.run_search import search

__all__ = ["SearchResult", "SeedResult", "TrialResult", "search"]
