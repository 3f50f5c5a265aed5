"""Holds the migrations, one file for each; one that was published never changes."""
