"""Holds what several applications use: the database, ingest, vectors, model servers; it imports no application."""
