"""Keys, duplicates and split numbers."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.data.cleaning import Rows, drop_duplicates, drop_empty, is_visible, normalize_text, text_keys
from tfapp.data.labels import has_label, label_counts
from tfapp.data.split_by_hash import assign_splits, split_numbers

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def _rows(pairs: list[tuple[str, object]]) -> Rows:
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    is_multi_label = any(isinstance(label, list) for label in labels)
    table = pa.table(
        {
            "text": pa.chunked_array([texts], pa.string()),
            "label": pa.chunked_array([labels], pa.list_(pa.string()) if is_multi_label else pa.string()),
            "row": np.arange(1, len(pairs) + 1),
        }
    )
    return Rows.of("f", table)


def _keys(*texts: str) -> np.ndarray:
    return text_keys(pa.chunked_array([list(texts)], pa.string()))


@pytest.mark.parametrize("spelling", ["ﬁne  café", "fine cafe\u0301", " fine\u00a0café\n", "fine\u3000café"])
def test_keys_ignore_unicode_forms_and_white_space(spelling: str) -> None:
    assert _keys(spelling)[0] == _keys("fine café")[0]


def test_keys_keep_case_and_accents_apart() -> None:
    assert len(set(_keys("Fine", "fine", "finé", "fi ne").tolist())) == 4


@given(TEXTS)
def test_normalised_text_has_single_spaces_and_any_form_gives_it(text: str) -> None:
    normal = normalize_text(text)
    assert normal == " ".join(normal.split())
    assert normalize_text(unicodedata.normalize("NFD", text)) == normalize_text(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("", False),
        (" \n\t", False),
        ("\u200b\ufeff\x00", False),
        ("\u00a0", False),
        (".", True),
        ("😀", True),
        ("中", True),
    ],
)
def test_visible_characters(text: str, visible: bool) -> None:
    assert is_visible(text) is visible


def test_unassigned_characters_count_as_visible() -> None:
    assert is_visible("\U0001fae9")  # newer than this Python's Unicode tables


def test_duplicates_keep_the_first_and_conflicts_are_their_own_finding() -> None:
    rows = _rows([("a", "x"), ("b", "x"), ("a ", "x"), ("a", "y"), ("b", None), ("c", "x")])
    rest, findings = drop_duplicates(rows)
    assert rest.table["row"].to_pylist() == [1, 2, 6]
    assert [(finding.kind, finding.count, finding.rows) for finding in findings] == [
        ("duplicate", 1, (3,)),
        ("conflicting_duplicate", 2, (4, 5)),
    ]
    assert len(rest.keys) == 3


def test_duplicates_with_lists_compare_the_lists() -> None:
    _, findings = drop_duplicates(_rows([("a", ["x", "y"]), ("a", ["x", "y"]), ("a", ["x"])]))
    assert [(finding.kind, finding.rows) for finding in findings] == [
        ("duplicate", (2,)),
        ("conflicting_duplicate", (3,)),
    ]


@given(st.lists(TEXTS, max_size=30))
def test_no_two_kept_rows_have_the_same_normal_text(texts: list[str]) -> None:
    rest, _ = drop_duplicates(_rows([(text, "x") for text in texts]))
    normal = [normalize_text(text) for text in rest.table["text"].to_pylist()]
    assert normal == list(dict.fromkeys(normalize_text(text) for text in texts))


def test_first_ten_rows_are_named() -> None:
    _, (finding,) = drop_empty(_rows([("", "x")] * 12), "drop")
    assert (finding.count, finding.rows) == (12, tuple(range(1, 11)))
    assert finding.message.endswith("(rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)")


@given(st.lists(TEXTS, min_size=1, max_size=20), st.lists(TEXTS, max_size=20), st.integers())
def test_a_split_number_depends_on_text_and_seed_alone(texts: list[str], more_texts: list[str], seed: int) -> None:
    numbers = split_numbers(_keys(*texts), seed)
    numbers_among_more = split_numbers(_keys(*more_texts, *texts), seed)[len(more_texts) :]
    assert numbers.tolist() == numbers_among_more.tolist()
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_split_numbers_are_uniform_and_seeds_differ() -> None:
    keys = _keys(*(f"text {index}" for index in range(20000)))
    numbers = split_numbers(keys, 0)
    histogram = np.histogram(numbers, bins=10, range=(0, 1))[0]
    # The standard deviation of a bin is 42.
    assert np.abs(histogram - 2000).max() < 220
    assert abs(np.corrcoef(numbers, split_numbers(keys, 1))[0, 1]) < 0.04


def test_sides_are_cut_in_order() -> None:
    numbers = np.array([0.0, 0.19, 0.2, 0.29, 0.31, 0.99])
    assert assign_splits(numbers, 0.2, 0.1).tolist() == [2, 2, 1, 1, 0, 0]
    assert assign_splits(numbers, 0.0, 0.0).tolist() == [0] * 6


def test_labels_are_counted_and_found_across_chunks() -> None:
    column = pa.chunked_array([[["a", "b"], [], None], [["b"]]], pa.list_(pa.string()))
    assert label_counts(column) == {"a": 1, "b": 2}
    assert has_label(column, ["b"]).tolist() == [True, False, False, True]
    assert has_label(pa.chunked_array([["a", None], ["b"]]), ["b"]).tolist() == [False, False, True]
