"""Holds the common parts of the pages of console and applications: forms, login, state, charts, templates, style."""
