"""Turns raw strings into token ids inside a graph: the same two ops in training and in serving."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from tfapp_client.former_names import FormerNames

from tfapp._old_names import PREPROCESSOR_METHODS
from tfapp.core.files import write_text
from tfapp.core.shared_arrays import SharedArrays
from tfapp.errors import ModelError

__all__ = ["Preprocessor"]

# FastBertTokenizer has no bound on a text's length, but its work grows with it. No word piece spans more than
# 100 bytes of a word, so this many bytes a token leave room for any real text.
_BYTES_PER_TOKEN = 256


class Preprocessor(FormerNames):
    """Tokenizes as BERT does and cuts texts at `max_length` tokens.

    Built on `tf_text.FastBertTokenizer`, whose two ops every TensorFlow Serving image since 2.16 links. It agrees
    with the original BERT tokenizer on accents, CJK and emoji. Compatibility characters are folded (a ligature becomes
    its letters, an ellipsis three full stops), control characters separate words, and special tokens inside a text
    are plain text.

    Args:
        vocabulary: The word pieces in the order of their ids; holds [UNK], [CLS], [SEP] and [PAD].
        lowercase: The vocabulary is uncased: lower the text and strip its accents, which belong together in BERT.
        max_length: Longest output in tokens, [CLS] and [SEP] included.

    Attributes:
        cls_id: The id of [CLS], with which each text begins and which none holds elsewhere.
        sep_id: The id of [SEP].
        padding_id: The id of [PAD].
        tokenizer: The `tf_text.FastBertTokenizer`, which knows no limit.
        shared: Where `tokenize` keeps the ids of texts for other processes, and takes theirs; None: nowhere.

    Raises:
        ModelError: The vocabulary lacks a special token.
    """

    former_names: ClassVar[Mapping[str, str]] = PREPROCESSOR_METHODS

    def __init__(self, vocabulary: Sequence[str], *, lowercase: bool, max_length: int) -> None:
        self.vocabulary = tuple(vocabulary)
        self.lowercase = lowercase
        self.max_length = max_length
        self.shared: SharedArrays | None = None
        self.cls_id, self.sep_id, self.padding_id = (self._id(token) for token in ("[CLS]", "[SEP]", "[PAD]"))
        self._id("[UNK]")
        self.tokenizer = _tokenizer(self.vocabulary, lowercase)
        # Traced functions for callers outside a graph; inside one they are inlined.
        text = tf.TensorSpec([None], tf.string)
        self._tokenize = tf.function(self._trace, input_signature=[text], autograph=False)
        self._tokenize_pairs = tf.function(self._trace_pairs, input_signature=[text, text], autograph=False)

    def with_max_length(self, max_length: int) -> Preprocessor:
        """Returns the same tokenizer with another limit."""
        return Preprocessor(self.vocabulary, lowercase=self.lowercase, max_length=max_length)

    def __call__(self, texts: tf.Tensor, *seconds: tf.Tensor) -> tf.RaggedTensor:
        """Tokenizes texts, or pairs of texts.

        Args:
            texts: string[N], UTF-8; invalid bytes become U+FFFD.
            seconds: Of pairs, the second texts; string[N].

        Returns:
            Ragged int32[N, (T)], each row [CLS] ... [SEP], 2 <= T <= max_length; of pairs [CLS] ... [SEP] ... [SEP],
            the longer text cut first.
        """
        return self._tokenize_pairs(texts, *seconds) if seconds else self._tokenize(texts)

    def pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Tokenizes texts, string[N] of valid UTF-8, without a limit and without [CLS] and [SEP].

        There is nothing for white space and control characters in the ragged int32[N, (P)].
        """
        return self.tokenizer.tokenize(texts)

    def readable(self, texts: tf.Tensor, max_pieces: int) -> tf.Tensor:
        """Returns the beginnings of texts, string[N], as valid UTF-8; they are long enough for so many word pieces."""
        texts = tf.strings.substr(texts, 0, max_pieces * _BYTES_PER_TOKEN)
        return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")

    def pad(self, ids: tf.RaggedTensor, segments: tf.RaggedTensor | None = None) -> dict[str, tf.Tensor]:
        """Makes the dense inputs of a BERT backbone.

        Args:
            ids: Ragged int32[N, (T)].
            segments: Of the same shape; None: all 0.

        Returns:
            `token_ids`, `segment_ids` and `padding_mask`, each int32[N, T], T the longest row. Without texts there
            is one row of padding, since some layers cannot compute on none.
        """
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        lengths = tf.pad(lengths, [[0, tf.maximum(1 - tf.size(lengths), 0)]])
        width = tf.maximum(tf.reduce_max(lengths), 2)

        def dense(rows: tf.RaggedTensor, fill: int) -> tf.Tensor:
            values = rows.to_tensor(default_value=fill)
            padding = tf.stack([tf.size(lengths), width]) - tf.shape(values)
            return tf.pad(values, tf.stack([tf.zeros_like(padding), padding], axis=1), constant_values=fill)

        tokens = dense(ids, self.padding_id)
        parts = tf.zeros_like(tokens) if segments is None else dense(segments, 0)
        return {
            "token_ids": tokens,
            "segment_ids": parts,
            "padding_mask": tf.sequence_mask(lengths, width, dtype=tf.int32),
        }

    def segments(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Returns the segments of rows that are pairs: 1 for tokens after the first [SEP], which no text holds."""
        ends = tf.cast(ids.values == self.sep_id, tf.int32)
        before = tf.cumsum(ends, exclusive=True)
        of_row = tf.repeat(tf.gather(tf.concat([before, [0]], axis=0), ids.row_starts()), ids.row_lengths())
        return ids.with_values(tf.minimum(before - of_row, 1))

    def split_pairs(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Splits rows that are pairs into their texts, ragged int32[2 N, (T)], a first text before its second."""
        inner = tf.cast((ids.values == self.sep_id) & (self.segments(ids).values == 0), tf.int32)
        # What follows a first text moves up by one, and [CLS] takes its position.
        positions = tf.range(tf.size(inner)) + tf.cumsum(inner, exclusive=True)
        blank = tf.fill([tf.size(inner) + tf.cast(ids.nrows(), tf.int32)], self.cls_id)
        values = tf.tensor_scatter_nd_update(blank, positions[:, tf.newaxis], ids.values)
        starts = tf.where(values == self.cls_id)[:, 0]
        return tf.RaggedTensor.from_row_starts(values, starts, validate=False)

    def frame(self, *pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Puts [CLS] before the first and [SEP] behind each of the texts of a row, each ragged int32[N, (P)].

        In one op that writes by position: joining ragged tensors takes dozens, which a single short text waits for.
        """
        lengths = [tf.cast(text.row_lengths(), tf.int32) for text in pieces]
        splits = tf.concat([[0], tf.cumsum(tf.add_n(lengths) + (1 + len(pieces)))], axis=0)
        begin = splits[:-1]
        positions, values = [begin], [tf.fill(tf.shape(begin), self.cls_id)]
        for text, length in zip(pieces, lengths, strict=True):
            begin = begin + 1
            # From a piece's position among all pieces to that in the rows.
            shift = begin - tf.cast(text.row_starts(), tf.int32)
            positions.append(tf.range(tf.size(text.values)) + tf.repeat(shift, length))
            begin = begin + length
            positions.append(begin)
            values += [text.values, tf.fill(tf.shape(begin), self.sep_id)]
        tokens = tf.dynamic_stitch(positions, values)
        return tf.RaggedTensor.from_row_splits(tokens, tf.cast(splits, tf.int64), validate=False)

    def tokenize(
        self, texts: Sequence[str], *seconds: Sequence[str], chunk: int = 4096
    ) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many texts, or pairs, outside a graph, in chunks.

        Args:
            texts: N texts.
            seconds: Of pairs, the second texts.
            chunk: Texts a call, which bounds the memory in between.

        Returns:
            Token ids int32[sum of T] of all texts after another, and row splits int64[N + 1] into them.
        """
        if self.shared is None:
            return self._tokenize_all(texts, *seconds, chunk=chunk)
        settings = f"{self.lowercase} {self.max_length} {len(texts)} {tf_text.__version__}"
        depends_on = itertools.chain([settings], self.vocabulary, texts, *seconds)
        ids, splits = self.shared.get("tokens", depends_on, lambda: self._tokenize_all(texts, *seconds, chunk=chunk))
        return ids, splits

    def _tokenize_all(self, texts: Sequence[str], *seconds: Sequence[str], chunk: int) -> tuple[np.ndarray, np.ndarray]:
        ids, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(texts), chunk):
            some = (tf.constant(list(column[start : start + chunk]), tf.string) for column in (texts, *seconds))
            rows = self(*some)
            ids.append(rows.values.numpy())
            lengths.append(rows.row_lengths().numpy())
        return np.concatenate(ids), np.cumsum(np.concatenate(lengths))

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the lengths of texts in tokens, [CLS] and [SEP] included, as without a limit; int64[N]."""
        if not texts:
            return np.zeros(0, np.int64)
        pieces = self.tokenizer.tokenize(tf.constant(list(texts), tf.string))
        return pieces.row_lengths().numpy() + 2

    def save(self, folder: Path) -> dict[str, object]:
        """Writes the vocabulary into a folder and returns the rest as JSON values for `load`."""
        write_text(folder / "vocabulary.txt", "\n".join(self.vocabulary) + "\n")
        return {"lowercase": self.lowercase, "max_length": self.max_length}

    @classmethod
    def load(cls, folder: Path, config: dict[str, object]) -> Preprocessor:
        """Loads a preprocessor that `save` wrote."""
        vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        return cls(vocabulary, lowercase=bool(config["lowercase"]), max_length=int(str(config["max_length"])))

    def _id(self, token: str) -> int:
        try:
            return self.vocabulary.index(token)
        except ValueError as error:
            raise ModelError(
                f"the vocabulary lacks {token}; is the preset a BERT with a WordPiece tokenizer?"
            ) from error

    def _pieces(self, texts: tf.Tensor, max_pieces: int) -> tf.RaggedTensor:
        return self.pieces(self.readable(texts, max_pieces))

    def _trace(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return self.frame(self._pieces(texts, self.max_length)[:, : self.max_length - 2])

    def _trace_pairs(self, firsts: tf.Tensor, seconds: tf.Tensor) -> tf.RaggedTensor:
        first_pieces, second_pieces = self._pieces(firsts, self.max_length), self._pieces(seconds, self.max_length)
        lengths = _shares(first_pieces.row_lengths(), second_pieces.row_lengths(), max(self.max_length - 3, 0))
        first_pieces, second_pieces = (
            _cut(pieces, length) for pieces, length in zip((first_pieces, second_pieces), lengths, strict=True)
        )
        return self.frame(first_pieces, second_pieces)


@functools.lru_cache(maxsize=4)
def _tokenizer(vocabulary: tuple[str, ...], lowercase: bool) -> tf_text.FastBertTokenizer:
    """Builds the tokenizer of a vocabulary; those of all limits share it, since one is costly."""
    # The tensor in it must belong to no graph.
    with tf.init_scope():
        return tf_text.FastBertTokenizer(
            vocab=list(vocabulary), token_out_type=tf.int32, lower_case_nfd_strip_accents=lowercase
        )


def _shares(first_lengths: tf.Tensor, second_lengths: tf.Tensor, room: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how much of each text stays, int64[N]: the longer is cut down to the other, then both to a half.

    An odd token goes to the longer text, to the second of equals, as in Hugging Face's "longest_first".
    """
    half = room // 2 + tf.cast(first_lengths > second_lengths, tf.int64) * (room % 2)
    first_shares = tf.minimum(first_lengths, tf.maximum(room - second_lengths, half))
    return first_shares, tf.minimum(second_lengths, tf.maximum(room - first_lengths, room - half))


def _cut(pieces: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """Returns the first pieces of each row, as many as `lengths` says; int64[N], at most the row's length."""
    rows = pieces.value_rowids()
    position = tf.range(tf.size(rows, tf.int64)) - tf.gather(pieces.row_starts(), rows)
    values = tf.boolean_mask(pieces.values, position < tf.gather(lengths, rows))
    return tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
