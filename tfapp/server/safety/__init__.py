"""Holds the check that a SavedModel only computes, which runs before anything of it is loaded."""
