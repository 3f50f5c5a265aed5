"""Writes models as ONNX graphs, for runtimes other than TensorFlow Serving; what a task adds stands in its folder."""
