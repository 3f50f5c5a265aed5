"""The sections of a settings file, a file each; `tfapp.config` makes an experiment of them.

A setting is one field: its default, its rule and its description, which `tfapp init` writes as a comment.
"""
