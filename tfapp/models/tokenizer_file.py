"""Writes a model's tokenizer as `tokenizer.json`, which the library `tokenizers` reads: in Python, Rust, JavaScript."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tfapp.core.code_points import CODE_POINTS, to_ranges
from tfapp.models import Preprocessor

__all__ = ["make_tokenizer", "removed_code_points"]

# Of words of more bytes than this BERT's tokenizer says that they are unknown.
_LONGEST_WORD: Final = 100
# Code points a call of TensorFlow.
_CHUNK: Final = 1 << 17
# The pieces of the vocabulary by which code points are asked for what they are.
_UNKNOWN, _LETTER = 0, 1


class _Characters(NamedTuple):
    """What a `FastBertTokenizer` does with code points.

    Attributes:
        spaces: They part words and are none.
        apart: Each is a word of its own.
        removed: Nothing is read of them.
        different: Those that it writes in another form than `_base` does; its form, and the other one.
    """

    spaces: list[int]
    apart: list[int]
    removed: list[int]
    different: Mapping[int, tuple[str, str]]


def make_tokenizer(preprocessor: Preprocessor) -> Tokenizer:
    """Makes a tokenizer with the same word pieces, without [CLS] and [SEP], without a limit.

    `FastBertTokenizer` looks at one code point at a time: it writes it in another form, sets it apart, or neither. So
    what `tokenizers` can do is compared with it on every code point, and what differs is set right: Unicode's versions
    are not the same, nor is what the two do with control characters and compatibility characters. Words are written as
    bytes, by the alphabet of byte-level tokenizers, since their length counts in bytes; pieces beyond ASCII look
    accordingly in the file. Special tokens in a text are plain text: the file declares none.

    Args:
        preprocessor: The model's tokenizer; its limit does not count.
    """
    characters = _find_characters(preprocessor.lowercase)
    replacements = [
        normalizers.Replace(_character_class(codes), form)
        for form, codes in _corrections(characters, preprocessor.vocabulary).items()
    ]
    alphabet = _byte_alphabet()
    vocabulary = {
        "".join(alphabet[byte] for byte in piece.encode()): number
        for number, piece in enumerate(preprocessor.vocabulary)
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=_LONGEST_WORD))
    tokenizer.normalizer = normalizers.Sequence([*replacements, *_base(preprocessor.lowercase, characters.removed)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_character_class(characters.spaces), "removed"),
            pre_tokenizers.Split(_character_class(characters.apart), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.WordPiece(cleanup=False), decoders.ByteLevel()])
    return tokenizer


def removed_code_points(preprocessor: Preprocessor) -> list[int]:
    """Returns the code points of which a tokenizer reads nothing, as of accents where it strips these."""
    return _find_characters(preprocessor.lowercase).removed


def _base(lowercase: bool, removed: Sequence[int]) -> list[Any]:
    """Returns normalizers that write most code points as `FastBertTokenizer` does."""
    if not lowercase:
        return []
    marks = normalizers.Replace(_character_class(removed), "")
    return [normalizers.NFKD(), normalizers.Lowercase(), normalizers.NFKD(), marks]


@lru_cache(maxsize=2)
def _find_characters(lowercase: bool) -> _Characters:
    normalizer = tf_text.FastBertNormalizer(lower_case_nfd_strip_accents=lowercase)
    forms = [form.decode() for form in _in_chunks(lambda texts: normalizer.normalize(texts).numpy(), "{}")]
    # Between two letters, by a vocabulary of the one letter, it shows what a code point does to a word.
    tokenizer = tf_text.FastBertTokenizer(
        vocab=["[UNK]", "a", "##a"], token_out_type=tf.int32, lower_case_nfd_strip_accents=lowercase
    )
    spaces, apart = [], []
    pieces_between = _in_chunks(lambda texts: tokenizer.tokenize(texts).to_list(), "a{}a")
    for code, form, pieces in zip(CODE_POINTS, forms, pieces_between, strict=True):
        if pieces == [_LETTER, _LETTER]:
            spaces.append(code)
        elif pieces == [_LETTER, _UNKNOWN, _LETTER] and form == chr(code):
            apart.append(code)
    removed = [code for code, form in zip(CODE_POINTS, forms, strict=True) if not form]
    base = normalizers.Sequence(_base(lowercase, removed))
    pairs = ((code, form, base.normalize_str(chr(code))) for code, form in zip(CODE_POINTS, forms, strict=True))
    different = {code: (form, other) for code, form, other in pairs if form != other}
    return _Characters(spaces, apart, removed, different)


def _in_chunks(function: Any, template: str) -> Iterator[Any]:
    """Yields what a function makes of each code point within a template, many at a time."""
    for start in range(0, len(CODE_POINTS), _CHUNK):
        texts = [template.format(chr(code)).encode() for code in CODE_POINTS[start : start + _CHUNK]]
        yield from function(tf.constant(texts))


def _corrections(characters: _Characters, vocabulary: Sequence[str]) -> dict[str, list[int]]:
    """Returns the code points whose form must be set right, by the form that they should have.

    It need not where the word is unknown by either form.
    """
    known = frozenset("".join(piece.removeprefix("##") for piece in vocabulary))
    borders = frozenset(map(chr, [*characters.spaces, *characters.apart]))

    def is_unknown_word(form: str) -> bool:
        return not known.issuperset(form) and borders.isdisjoint(form)

    corrections: dict[str, list[int]] = defaultdict(list)
    for code, forms in characters.different.items():
        if not all(map(is_unknown_word, forms)):
            corrections[forms[0]].append(code)
    return corrections


def _character_class(codes: Iterable[int]) -> Regex:
    """Returns a class of code points as a regular expression of Oniguruma's."""
    parts = (f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in to_ranges(codes))
    return Regex(f"[{''.join(parts)}]")


def _byte_alphabet() -> Sequence[str]:
    """Returns the character that stands for each byte, after GPT-2's `bytes_to_unicode` (Radford et al. 2019)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
