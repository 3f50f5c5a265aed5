"""Holds the merging of requests into batches: queues, their fair order, and the threads that run the batches."""
