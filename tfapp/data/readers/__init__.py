"""Holds the readers of data files as blocks of rows, one file for each format, and formats.py, which chooses among them."""
