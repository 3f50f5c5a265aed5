"""Assigns each text to train, dev or test, by a hash of its key."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

__all__ = ["SPLITS", "assign_splits", "split_numbers"]

SPLITS = ("train", "dev", "test")


def split_numbers(keys: npt.NDArray[np.bytes_], seed: int) -> npt.NDArray[np.float64]:
    """Returns a uniform number in [0, 1) for each text, which depends on its key and the seed alone; float64 [rows].

    Adding or removing other rows therefore moves no text from one split to another.
    """
    salt = str(seed).encode()[:64]
    key_bytes, size = keys.tobytes(), keys.itemsize
    digests = (
        blake2b(key_bytes[start : start + size], key=salt, digest_size=8).digest()
        for start in range(0, len(key_bytes), size)
    )
    numbers = np.frombuffer(b"".join(digests), dtype="<u8")
    # The upper 53 bits are what a float64 holds exactly, so that 1.0 is never reached.
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53


def assign_splits(numbers: npt.NDArray[np.float64], test_share: float, dev_share: float) -> npt.NDArray[np.int8]:
    """Cuts [0, 1) into test, dev and train, in this order, so that test does not depend on the share of dev.

    A share is 0 where the split has a file of its own. Returns indices into `SPLITS`; int8 [rows].
    """
    splits = np.zeros(len(numbers), np.int8)
    splits[numbers < test_share + dev_share] = SPLITS.index("dev")
    splits[numbers < test_share] = SPLITS.index("test")
    return splits
