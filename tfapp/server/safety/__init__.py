"""Holds the check of what a SavedModel would do besides computing, which runs before anything of it is loaded."""
