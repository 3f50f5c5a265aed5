"""Holds all that only the task tagging has, from spans and BIO tags to entity scores."""
