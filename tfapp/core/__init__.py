"""Holds what any program could use, as it knows no task: files, sockets, threads, terminal, TensorFlow's import."""
