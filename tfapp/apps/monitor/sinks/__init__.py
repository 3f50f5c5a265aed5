"""Holds the sinks that are notified of alerts, one file for each, and their shared deadline and redaction."""
