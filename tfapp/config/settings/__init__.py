"""Holds the sections of a settings file, one file each, with the settings that more than one task may read.

`tfapp.config` makes an experiment of them. What one task alone reads is in the `settings.py` of its folder.

A setting is one field: its default, its rule and its description, which `tfapp init` writes as a comment.
"""
