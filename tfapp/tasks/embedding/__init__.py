"""Holds all that only the task embedding has, from pairs of texts to the scores of retrieval."""
