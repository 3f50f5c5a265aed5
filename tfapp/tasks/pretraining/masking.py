"""Makes the rows of masked language modelling: texts as blocks of tokens, some of which are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.models.word_dropout import ordinary_pieces

__all__ = ["Ids", "Masker", "RowSplits", "make_blocks", "to_dense"]

# Of what is guessed: most is masked, some replaced, the rest stays, since no [MASK] is met later (Devlin et al. 2019).
_MASKED: Final = 0.8
_REPLACED: Final = 0.1

Ids = NDArray[np.int32]
RowSplits = NDArray[np.int64]


def make_blocks(
    pieces: Ids, splits: RowSplits, *, max_length: int, cls: int, sep: int, pack: bool
) -> tuple[Ids, RowSplits]:
    """Makes blocks of at most `max_length` tokens, [CLS] ... [SEP], of texts of any length.

    Args:
        pieces: Word pieces of all texts after another.
        splits: Row splits of N texts into them.
        max_length: The longest block.
        cls: The id of [CLS].
        sep: The id of [SEP].
        pack: Let texts follow one another, [SEP] between, and cut where a block is full; else cut each text into as
            few, about equal blocks as hold it. A text without pieces makes no block.

    Returns:
        Token ids and row splits of M blocks.
    """
    room = max_length - 2
    rows_with_text = np.flatnonzero(np.diff(splits))
    if pack:
        # No [SEP] before the first text.
        pieces = np.insert(pieces, splits[rows_with_text[1:]], sep)
        sizes = np.minimum(room, len(pieces) - np.arange(0, len(pieces), room))
    else:
        lengths = np.diff(splits)[rows_with_text]
        counts = -(-lengths // room)
        owners = np.repeat(np.arange(len(lengths)), counts)
        part = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        sizes = lengths[owners] // counts[owners] + (part < lengths[owners] % counts[owners])
    ends = np.cumsum(sizes).astype(np.int64)
    ids = np.insert(pieces, np.repeat(np.concatenate([[0], ends]), 2)[1:-1], np.tile([cls, sep], len(ends)))
    return ids.astype(np.int32), np.concatenate([[0], ends + 2 * np.arange(1, len(ends) + 1)]).astype(np.int64)


def to_dense(values: Ids, splits: RowSplits, fill: int) -> Ids:
    """Returns ragged values as int32[N, T], T the longest row's length."""
    lengths = np.diff(splits)
    dense = np.full((len(lengths), int(lengths.max(initial=1))), fill, np.int32)
    dense[np.arange(dense.shape[1]) < lengths[:, None]] = values
    return dense


class Masker:
    """Hides tokens of blocks.

    Args:
        vocabulary: The word pieces in the order of their ids.
        share: Share of a block's tokens that are to be guessed, at least one word of it.
        whole_words: All pieces of a word are to be guessed, or none.
    """

    def __init__(self, vocabulary: Sequence[str], *, share: float, whole_words: bool) -> None:
        self._mask = vocabulary.index("[MASK]")
        self._ordinary = ordinary_pieces(vocabulary)
        self._continues = np.array([whole_words and piece.startswith("##") for piece in vocabulary])
        self._share = share

    def hide(self, ids: Ids, splits: RowSplits, random: np.random.Generator) -> tuple[Ids, Ids]:
        """Draws the tokens of N blocks that are hidden and have to be guessed.

        Returns:
            The ids that the model sees, and the ids at the positions where it has to guess, -1 elsewhere; both of the
            shape of `ids`.
        """
        mask = self._choose(ids, splits, random)
        draws = random.random(len(ids))
        others = random.choice(np.flatnonzero(self._ordinary), len(ids))
        replacements = np.where(draws < _MASKED, self._mask, np.where(draws < _MASKED + _REPLACED, others, ids))
        return np.where(mask, replacements, ids).astype(np.int32), np.where(mask, ids, -1).astype(np.int32)

    def _choose(self, ids: Ids, splits: RowSplits, random: np.random.Generator) -> NDArray[np.bool_]:
        """Chooses words in random order, as long as a block's share lets in at least half of the next one."""
        ordinary = self._ordinary[ids]
        inside = np.concatenate([[False], ordinary[:-1]])[: len(ids)]
        inside[splits[:-1][np.diff(splits) > 0]] = False
        starts = ordinary & ~(self._continues[ids] & inside)
        # Words are numbered over all blocks; other tokens belong to none.
        word = np.cumsum(starts) - 1
        sizes = np.bincount(word[ordinary], minlength=int(starts.sum()))
        block = np.searchsorted(splits, np.flatnonzero(starts), side="right") - 1
        order = np.lexsort((random.random(len(sizes)), block))
        before = np.cumsum(sizes[order]) - sizes[order]
        first = np.concatenate([[True], block[order][1:] != block[order][:-1]])[: len(order)]
        before -= np.maximum.accumulate(np.where(first, before, 0)) if len(order) else before
        budgets = self._share * np.bincount(block, sizes, minlength=len(splits) - 1)[block[order]]
        word_mask = np.zeros(len(sizes), bool)
        word_mask[order] = first | (before + sizes[order] / 2 <= budgets)
        return ordinary & word_mask[np.maximum(word, 0)] if len(sizes) else ordinary
