"""Holds what proposes settings for a data file: its first rows, guesses of its columns, ways to train, the settings."""
