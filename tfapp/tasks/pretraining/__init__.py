"""Holds all that only the task pretraining has, which learns from texts without labels."""
