"""Holds what reads data files as blocks of rows, each kind of file in a module; data/file_formats.py chooses one."""
