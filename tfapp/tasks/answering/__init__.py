"""Answering of questions from contexts."""
