"""Holds the command line: one file for each command, which parses its arguments and calls a plain function."""
