"""The parts that any program needs: files, sockets, threads, the terminal, TensorFlow's import."""
