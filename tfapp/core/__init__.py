"""Holds general helpers, which know no task: files, sockets, threads, terminal, TensorFlow's import."""
