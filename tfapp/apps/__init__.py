"""Holds one folder for each ready application, its registry, and in `shared` what the applications have in common."""
