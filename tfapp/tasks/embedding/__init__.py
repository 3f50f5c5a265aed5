"""Embedding of texts as vectors."""
