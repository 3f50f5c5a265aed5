"""Holds all that only the task ranking has, from candidates with grades for a query to nDCG."""
