"""Holds the application feedback: pools of texts, the choice of the least certain ones, and the labels people give.

`tfapp.apps.feedback.service` opens it; the console shows it, and `tfapp train` reads what it exports.
"""
