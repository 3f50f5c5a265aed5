"""Ranking of candidates for a query."""
