"""Holds what several tasks share and only the task layer can hold: it builds on `tasks.spec` or `tasks.playground`.

All else that two tasks share is in the layer of its own term: columns and candidates in `data`, scores in `evaluation`,
settings and search spaces in `config`, presets in `assets`, networks in `models`, fitting in `training`.
"""
