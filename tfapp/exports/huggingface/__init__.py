"""Writes models as folders that Transformers and sentence-transformers read; what a task adds stands in its folder."""
