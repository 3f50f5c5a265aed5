"""Regression: a number for a text."""
