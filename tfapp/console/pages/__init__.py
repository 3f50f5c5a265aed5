"""The console's own pages, one file for each group."""
