"""Holds the application monitor: it reads a stream of texts, stores their classes, draws trends and raises alerts."""
