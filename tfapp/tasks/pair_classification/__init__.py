"""Holds all that only the task pair-classification has, which labels pairs of texts."""
