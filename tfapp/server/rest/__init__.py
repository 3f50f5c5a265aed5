"""Holds TensorFlow Serving's REST interface: JSON over HTTP, beside gRPC, over the same models."""
