"""Search of settings: trials of a space in processes of their own, and the winner trained anew."""

from __future__ import annotations

from tfapp.workflows.search.result import SearchResult, SeedResult, TrialResult
from tfapp.workflows.search.run_search import search

__all__ = ["SearchResult", "SeedResult", "TrialResult", "search"]
