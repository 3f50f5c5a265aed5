"""Holds the common parts of applications: the database, ingest, vectors, model servers; it imports no application."""
