"""Keeps TensorFlow's start-up noise from the user's terminal.

TensorFlow's C++ libraries write to file descriptor 2 while they are loaded, whatever the log level says. What a
user can do nothing about is dropped; every other line is passed on.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["import_tensorflow", "without_noise"]

_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|^[IW]\d{4} [\d:. ]+\s*\d+ \S+\.cc:\d+\]"
    rb"|cuda drivers|This TensorFlow binary is optimized|To enable the following instructions"
)


@contextmanager
def without_noise() -> Iterator[None]:
    """Holds standard error back during the block, then passes on the lines that are no start-up noise."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)
            output.seek(0)
            for line in output:
                if line.strip() and not _NOISE.search(line):
                    os.write(2, line)


def import_tensorflow(*, text: bool = True) -> None:
    """Imports TensorFlow without its noise, with `text` its text ops, too; later imports cost nothing."""
    if ("tensorflow_text" if text else "tensorflow") in sys.modules:
        return
    with without_noise(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        if text:
            import tensorflow_text  # noqa: F401

        # In a notebook TensorFlow turns its own log to INFO and to standard output when it first makes it.
        tf.get_logger().setLevel(logging.ERROR)

        # The devices are looked for once, and complain then.
        tf.config.list_physical_devices()
