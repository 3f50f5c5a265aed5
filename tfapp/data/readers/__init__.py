"""Holds the readers of data files as blocks of rows, one file for each format."""
