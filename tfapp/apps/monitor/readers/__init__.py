"""Holds the readers of texts, one file for each source: a growing file, a folder, a pipe, HTTP."""
