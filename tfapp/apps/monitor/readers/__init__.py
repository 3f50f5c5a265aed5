"""Readers of texts: from a file that grows, a folder, a pipe, or HTTP."""
