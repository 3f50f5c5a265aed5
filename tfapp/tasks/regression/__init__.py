"""Regression of texts and of pairs of texts: a number for each."""
