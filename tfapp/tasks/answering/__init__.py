"""Holds all that only the task answering has, from questions and their contexts to exact match and F1."""
