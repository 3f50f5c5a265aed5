"""Tests that texts and pairs have the tokens of Hugging Face's tokenizer, and are cut but never refused."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from tests.toy import VOCABULARY
from tfapp.errors import ModelError
from tfapp.models import Preprocessor

# Some pieces beyond ASCII, so that not everything outside it is unknown.
PIECES = [*VOCABULARY, "日", "本", "é", "##é", "ñ", "😀", "ж", "##ж", "ß", "##ß"]
TEXTS = [
    "the ball, a goal!",
    "naïve café",
    "Crème BRÛLÉE",
    "日本語 日本",
    "emoji 😀👍🏽 ok",
    "no\u00a0break\u3000space",
    "tab\tnew\nline\r\0end",
    "a" * 100,
    "a" * 101,
    "",
    "   ",
    "e\u0301 combining",
]


def oracle(lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(
        WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=lowercase)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def pair(request: pytest.FixtureRequest) -> tuple[Preprocessor, Tokenizer]:
    return Preprocessor(PIECES, lowercase=request.param, max_length=4096), oracle(request.param)


def ids_of(preprocessor: Preprocessor, text: str) -> list[int]:
    return preprocessor(tf.constant([text]))[0].numpy().tolist()


@pytest.mark.parametrize("text", TEXTS)
def test_it_agrees_with_the_reference_tokenizer(pair: tuple[Preprocessor, Tokenizer], text: str) -> None:
    preprocessor, reference = pair
    assert ids_of(preprocessor, text)[1:-1] == reference.encode(text).ids


def folds_apart(char: str) -> bool:
    """Returns whether compatibility form or case folding differs from plain lower case, as we are documented to."""
    return unicodedata.normalize("NFKD", char.casefold()) != unicodedata.normalize("NFD", char.lower())


PLAIN = st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs"]).filter(
    lambda char: not folds_apart(char)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.one_of(st.sampled_from("abc ,.!?éñ日本😀ж"), PLAIN), max_size=30), min_size=1, max_size=8))
def test_any_plain_text_agrees_with_the_reference(texts: list[str]) -> None:
    rows = UNCASED(tf.constant(texts)).to_list()
    assert [row[1:-1] for row in rows] == [REFERENCE.encode(text).ids for text in texts]


UNCASED, REFERENCE = Preprocessor(PIECES, lowercase=True, max_length=4096), oracle(True)


def test_an_ellipsis_and_a_ligature_are_folded() -> None:
    assert ids_of(UNCASED, "…") == ids_of(UNCASED, "...")
    assert ids_of(UNCASED, "ﬁ") == ids_of(UNCASED, "fi")


def test_special_tokens_in_a_text_are_plain_text() -> None:
    assert VOCABULARY.index("[SEP]") not in ids_of(UNCASED, "[SEP] [CLS]")[1:-1]


@pytest.mark.parametrize("text", ["ball " * 5000, "x" * 100_000, "ball"])
def test_long_texts_are_cut(text: str) -> None:
    ids = ids_of(UNCASED.with_max_length(6), text)
    assert len(ids) <= 6
    assert (ids[0], ids[-1]) == (VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]"))
    assert ids[1:-1] == ids_of(UNCASED, text[:100])[1:-1][:4] or text.startswith("x")


def test_broken_utf8_is_read_not_refused() -> None:
    assert len(UNCASED(tf.constant([b"ball \xff\xfe goal"]))[0]) >= 4


@pytest.mark.parametrize("texts", [[], [""], ["ball", "", "the goal team"]])
def test_padding_keeps_every_row_and_marks_real_tokens(texts: list[str]) -> None:
    ragged = UNCASED(tf.constant(texts, tf.string))
    inputs = UNCASED.pad(ragged)
    assert inputs["token_ids"].shape[0] == max(len(texts), 1)
    assert inputs["token_ids"].shape[1] >= 2
    assert inputs["padding_mask"].numpy().sum(axis=1).tolist() == (ragged.row_lengths().numpy().tolist() or [0])
    assert not np.any(inputs["token_ids"].numpy()[inputs["padding_mask"].numpy() == 0])


def test_chunks_do_not_show() -> None:
    texts = [f"ball {i}" for i in range(7)]
    ids, splits = UNCASED.tokenize(texts, chunk=3)
    assert [ids[a:b].tolist() for a, b in itertools.pairwise(splits)] == [ids_of(UNCASED, t) for t in texts]
    assert UNCASED.count_tokens(texts).tolist() == np.diff(splits).tolist()


def test_it_survives_saving(tmp_path: Path) -> None:
    loaded_preprocessor = Preprocessor.load(tmp_path, UNCASED.save(tmp_path))
    assert [ids_of(loaded_preprocessor, text) for text in TEXTS] == [ids_of(UNCASED, text) for text in TEXTS]


def test_a_vocabulary_without_special_tokens_is_named() -> None:
    with pytest.raises(ModelError, match=r"lacks \[CLS\]"):
        Preprocessor(["[UNK]", "a"], lowercase=True, max_length=8)


SPECIAL = {name: VOCABULARY.index(f"[{name}]") for name in ("CLS", "SEP")}


def pair_reference(max_length: int) -> Tokenizer:
    """Hugging Face's tokenizer, which cuts the longer text first."""
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(f"[{name}]", number) for name, number in SPECIAL.items()],
    )
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    return tokenizer


PAIR_TEXTS = st.lists(st.sampled_from(["ball", "goal", "team", "tax", "today", "zzz", ",", "."]), max_size=9).map(
    " ".join
)
LIMITS = {n: (Preprocessor(VOCABULARY, lowercase=True, max_length=n), pair_reference(n)) for n in (4, 9, 12)}


@settings(max_examples=40)
@given(st.lists(st.tuples(PAIR_TEXTS, PAIR_TEXTS), min_size=1, max_size=4), st.sampled_from(sorted(LIMITS)))
def test_pairs_are_tokenized_and_cut_as_the_reference_does(pairs: list[tuple[str, str]], length: int) -> None:
    preprocessor, tokenizer = LIMITS[length]
    firsts, seconds = (list(texts) for texts in zip(*pairs, strict=True))
    ids = preprocessor(tf.constant(firsts), tf.constant(seconds))
    expected = [tokenizer.encode(query, candidate) for query, candidate in pairs]
    assert ids.to_list() == [encoding.ids for encoding in expected]
    segments = preprocessor.pad(ids, preprocessor.segments(ids))["segment_ids"].numpy()
    for row, encoding in zip(segments.tolist(), expected, strict=True):
        assert row == encoding.type_ids + [0] * (len(row) - len(encoding.type_ids))
    flat, splits = preprocessor.tokenize(firsts, seconds, chunk=3)
    assert flat.tolist() == ids.values.numpy().tolist()
    assert splits.tolist() == ids.row_splits.numpy().tolist()


def test_a_separator_in_a_text_does_not_move_the_segments() -> None:
    preprocessor, _ = LIMITS[12]
    ids = preprocessor(tf.constant(["[SEP] ball"]), tf.constant(["goal"]))
    assert ids[0].numpy().tolist().count(SPECIAL["SEP"]) == 2
