"""Holds the sinks that are notified of alerts, one file for each, and what they share."""
