"""Holds what the pages of the console and of the applications share: forms, login, state, charts, templates, style."""
