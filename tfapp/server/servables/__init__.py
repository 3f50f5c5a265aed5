"""One loaded version of a model: its signatures, the calls on it, their tensors, and its warm-up."""
