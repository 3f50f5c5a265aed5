"""Tagging of spans in texts."""
