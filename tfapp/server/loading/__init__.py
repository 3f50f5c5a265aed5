"""Loads and unloads versions of models: sources and configurations, states, retries, labels."""
