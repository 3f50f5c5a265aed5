"""Checks what a SavedModel would do beside computing, before anything of it is loaded."""
