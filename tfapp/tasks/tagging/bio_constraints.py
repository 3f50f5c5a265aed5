"""BIO constraints: which tag may follow which. T types have 2 T + 1 tags: O, then B- and I- of each.

The scheme is IOB2, whatever the data had.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfapp.tasks.tagging.crf import ILLEGAL, Transitions

__all__ = ["legal_transitions", "tag_count"]


def tag_count(types: int) -> int:
    """Returns the number of tags for a number of types."""
    return 2 * types + 1


def legal_transitions(types: int) -> Transitions:
    """Returns 0 where tags may stand, `ILLEGAL` where not: I- follows B- or I- of its type only."""
    tags = np.arange(tag_count(types))
    inside = (tags > 0) & (tags % 2 == 0)
    is_same_type = (tags[:, None] + 1) // 2 == (tags[None, :] + 1) // 2
    scores = np.where(inside[None, :] & ~is_same_type, ILLEGAL, 0.0).astype(np.float32)
    start = np.where(inside, ILLEGAL, 0.0).astype(np.float32)
    return Transitions(tf.constant(start), tf.constant(scores), tf.zeros([len(tags)]))
