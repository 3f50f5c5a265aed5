"""Holds the console's own pages, one file for each group of pages."""
