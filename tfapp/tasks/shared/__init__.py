"""Holds the common parts of tasks: the evaluator, settings and forms of classes, pairs, numbers, ways to train."""
