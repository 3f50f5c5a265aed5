"""Words with their places, against a splitter in plain Python; the pieces are those of the whole text."""

from __future__ import annotations

import unicodedata

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.models.test_preprocessor import PIECES
from tfapp.models import Preprocessor
from tfapp.savedmodel.verify import HARD_TEXTS
from tfapp.tasks.tagging.pretokenizer import split_words

UNCASED = Preprocessor(PIECES, lowercase=True, max_length=8)
WHOLE = UNCASED.with_max_length(100_000)
SPLIT = tf.function(
    lambda texts: split_words(texts, UNCASED), input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
)
SPLIT_BY_SPACES = tf.function(
    lambda texts: split_words(texts, UNCASED, by_spaces=True),
    input_signature=[tf.TensorSpec([None], tf.string)],
    autograph=False,
)

IDEOGRAPHS = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
OLD = unicodedata.ucd_3_2_0


def kind_of(char: str) -> str:
    category = unicodedata.category(char)
    if category[0] == "Z" or category == "Cc":
        return "space"
    if category[0] == "P" or char in r"!\"#$%&'()*+,-./:;<=>?@[\]^_`{|}~":
        return "alone"
    return "alone" if any(low <= ord(char) <= high for low, high in IDEOGRAPHS) else "inside"


def has_form(word: str) -> bool:
    """Returns whether a character is left once the text is uncased: no accent, format character or space.

    U+FFFD, which stands for invalid bytes, is left: it is [UNK].
    """
    normal_form = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word.casefold()))
    return any(unicodedata.category(char) not in ("Mn", "Cf", "Cc", "Zs") for char in normal_form)


def words_of(text: str) -> list[tuple[int, int]]:
    runs: list[list[int]] = []
    open_run = False
    for place, char in enumerate(text):
        kind = kind_of(char)
        if kind == "inside" and open_run:
            runs[-1][1] = place + 1
        elif kind != "space":
            runs.append([place, place + 1])
        open_run = kind == "inside"
    return [
        (start + len(word) - len(word.lstrip(FORMAT)), end - len(word) + len(word.rstrip(FORMAT)))
        for start, end in runs
        if has_form(word := text[start:end])
    ]


FORMAT = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf")


def word_offsets(texts: list[str]) -> list[list[tuple[int, int]]]:
    rows = SPLIT(tf.constant(texts, tf.string)).rows()
    return [list(zip(starts.tolist(), ends.tolist(), strict=True)) for _, starts, ends in rows]


# Characters that every version of Unicode's tables sees alike: Python's and the op's need not be of the same year.
STABLE = st.characters(codec="utf-8", exclude_categories=["Cn", "Co", "Cs"]).filter(
    lambda char: OLD.category(char) == unicodedata.category(char)
)
SAMPLES = "ab ,.!?'’éñ日本語😀👍🏽ж½ﬁﬂ…e\u0301a\u0300\u200d\u200b\ufeff\u00ad\0\x01\t\n\u00a0\u3000\u2028שلا한"
MIXED = st.text(st.one_of(st.sampled_from(SAMPLES), STABLE), max_size=25)


@settings(max_examples=100)
@given(st.lists(MIXED, max_size=6))
@example(["👨\u200d👩\u200d👧 ok", "\ufeffBOM e\u0301te\u0301 \u0301 ﬁne…"])
@example(["\ufffd", "a\ufffd b \ufffd\u0301,\ufffd"])
def test_words_and_places_are_those_of_plain_python(texts: list[str]) -> None:
    assert word_offsets(texts) == [words_of(text) for text in texts]


@settings(max_examples=75)
@given(st.lists(MIXED, max_size=6))
def test_by_spaces_a_word_is_all_that_stands_between_two(texts: list[str]) -> None:
    basic, by_spaces = (split(tf.constant(texts, tf.string)) for split in (SPLIT, SPLIT_BY_SPACES))
    np.testing.assert_array_equal(by_spaces.ids.values, basic.ids.values)
    for text, words, (first, starts, ends) in zip(texts, basic.rows(), by_spaces.rows(), strict=True):
        expected: list[list[int]] = []
        for place, start, end in zip(*(values.tolist() for values in words), strict=True):
            if expected and not any(kind_of(char) == "space" for char in text[expected[-1][2] : start]):
                expected[-1][2] = end
            else:
                expected.append([place, start, end])
        assert np.stack([first, starts, ends], axis=1).tolist() == expected


def test_what_is_between_spaces() -> None:
    (words,) = SPLIT_BY_SPACES(tf.constant(["Don't ask (me) at http://a.b/c ."])).rows()
    assert list(zip(words[1].tolist(), words[2].tolist(), strict=True)) == [
        (0, 5), (6, 9), (10, 14), (15, 17), (18, 30), (31, 32)
    ]  # fmt: skip


@settings(max_examples=75)
@given(st.lists(MIXED, max_size=6))
def test_pieces_are_those_of_the_whole_text(texts: list[str]) -> None:
    words = SPLIT(tf.constant(texts, tf.string))
    assert words.ids.to_list() == WHOLE(tf.constant(texts, tf.string)).to_list()
    for ids, (first, start, end) in zip(words.ids, words.rows(), strict=True):
        assert len(first) == len(start) == len(end)
        assert np.all(np.diff(first) > 0)
        assert np.all(end > start)
        assert all(0 < place < len(ids) - 1 for place in first)


def test_hard_texts_are_split_whole() -> None:
    assert word_offsets(list(HARD_TEXTS)) == [words_of(text) for text in HARD_TEXTS]


def test_first_pieces_are_where_their_words_begin() -> None:
    words = SPLIT(tf.constant(["naïve ball, don't"]))
    pieces = [PIECES[number] for number in words.ids[0].numpy()]
    assert [pieces[place] for place in words.first[0].numpy()] == ["n", "ball", ",", "d", "[UNK]", "t"]


def test_broken_utf8_counts_a_place_a_byte() -> None:
    words = SPLIT(tf.constant([b"ball \xff\xfe goal"]))
    assert words.start[0].numpy().tolist()[-1] == 8


def test_no_texts() -> None:
    assert SPLIT(tf.constant([], tf.string)).first.nrows() == 0
