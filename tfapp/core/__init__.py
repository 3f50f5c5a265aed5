"""What any program needs, whatever it is about: files, sockets, threads, the terminal, TensorFlow's import."""
