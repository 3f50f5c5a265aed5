"""Holds one loaded version of a model: its signatures, the calls on it, their tensors, its limits and its warm-up."""
