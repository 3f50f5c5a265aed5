"""Feedback: texts wait in pools, the least certain answers are shown to people first, and their labels are kept.

`tfapp.apps.feedback.service` opens it; the console shows it, and `tfapp train` reads what it exports.
"""
