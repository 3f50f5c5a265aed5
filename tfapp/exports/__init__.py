"""Writes models in the forms of other libraries and runtimes; what a task adds stands in its own folder."""
