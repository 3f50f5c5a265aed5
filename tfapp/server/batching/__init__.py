"""Merges requests that wait at the same time into batches: queues, their fair order, and the threads that run them."""
