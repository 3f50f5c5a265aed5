"""Holds what two or more tasks use: the evaluator, settings and forms of classes, pairs, numbers, ways to train."""
