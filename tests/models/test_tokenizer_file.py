"""Tests that a tokenizer file makes the same word pieces as the graph, of every code point and of any text."""

from __future__ import annotations

from functools import cache

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tests.toy import VOCABULARY
from tfapp.core.code_points import CODE_POINTS
from tfapp.models import Preprocessor
from tfapp.models.tokenizer_file import make_tokenizer
from tfapp.savedmodel.verify import HARD_TEXTS

# Pieces of many scripts, so that not every word beyond ASCII is unknown.
PIECES = [*VOCABULARY, *"日本éñßжαισς각ㄱ…ﬁø½", "##é", "##ж", "##ι", "##ss", "ss", "##α", "ก", "##ก"]


@cache
def tokenizers(lowercase: bool) -> tuple[Preprocessor, Tokenizer]:
    preprocessor = Preprocessor(PIECES, lowercase=lowercase, max_length=64)
    return preprocessor, make_tokenizer(preprocessor)


def pieces_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def check(texts: list[str], *, lowercase: bool) -> None:
    preprocessor, tokenizer = tokenizers(lowercase)
    expected = preprocessor.pieces(tf.constant(texts, tf.string)).to_list()
    rows = zip(texts, expected, pieces_of(tokenizer, texts), strict=True)
    assert [text for text, pieces, ours in rows if pieces != ours] == []


@pytest.mark.slow
@pytest.mark.parametrize("lowercase", [True, False])
def test_every_code_point_is_read_as_in_the_graph(lowercase: bool) -> None:
    check([f"a{chr(code)}b" for code in CODE_POINTS], lowercase=lowercase)


CHARACTERS = st.one_of(st.sampled_from("ab e\u0301ﬁßςᾳά각日,.\u00ad\u200b\u0e01\u0345"), st.characters(codec="utf-8"))


@settings(max_examples=200)
@given(st.lists(st.text(CHARACTERS, max_size=40), min_size=1, max_size=8), st.booleans())
def test_any_text_is_read_as_in_the_graph(texts: list[str], lowercase: bool) -> None:
    check(texts, lowercase=lowercase)


@pytest.mark.parametrize("lowercase", [True, False])
def test_code_points_of_living_scripts_are_read_as_in_the_graph(lowercase: bool) -> None:
    check([f"a{chr(code)}b" for code in CODE_POINTS[:0x3400]], lowercase=lowercase)


@pytest.mark.parametrize("lowercase", [True, False])
def test_hard_texts_are_read_as_in_the_graph(lowercase: bool) -> None:
    check([*HARD_TEXTS, "\u0e01" * 33, "\u0e01" * 34, "a" * 100, "a" * 101], lowercase=lowercase)


def test_a_file_holds_it_whole() -> None:
    text = "the ball, naïve 日本 [SEP]"
    tokenizer = tokenizers(lowercase=True)[1]
    again = Tokenizer.from_str(tokenizer.to_str())
    assert pieces_of(again, [text]) == pieces_of(tokenizer, [text])
    assert VOCABULARY.index("[SEP]") not in pieces_of(again, [text])[0]
