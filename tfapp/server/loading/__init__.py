"""Holds the loading and unloading of models' versions: sources, configurations, states, retries and labels."""
