"""Holds what reads data files as blocks of rows: formats.py chooses one of the readers, each of which has its file."""
