"""Holds one folder for each ready application, their registry, and in `shared` their common parts."""
