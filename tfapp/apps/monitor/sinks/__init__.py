"""Sinks, which are notified of alerts, one file for each."""
