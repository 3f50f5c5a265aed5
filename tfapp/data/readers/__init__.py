"""Reads data files as blocks of rows: a file for each format."""
