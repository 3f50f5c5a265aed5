"""Holds what loads and unloads versions of models: sources, configurations, states, retries and labels."""
