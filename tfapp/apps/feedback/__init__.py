"""Feedback: pools of texts whose least certain answers people label first, and the labels.

`tfapp.apps.feedback.service` opens it; the console shows it, and `tfapp train` reads what it exports.
"""
