"""A disk without room, as TensorFlow tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from tfapp.core.files import FULL_DISK

__all__ = ["full_disk_errors"]


@contextmanager
def full_disk_errors(folder: Path) -> Iterator[None]:
    """Makes an OSError of TensorFlow's error that a disk is full, as Python's own writing raises.

    Args:
        folder: Where the block writes; the error names it.

    Raises:
        OSError: There was no more room.
    """
    try:
        yield
    except tf.errors.OpError as error:
        number = next((number for number in FULL_DISK if os.strerror(number) in error.message), None)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(folder)) from error
