"""Tests whether scores tell which model is better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from tfapp.evaluation.score_comparison import ScoreRecord, compare_scores, fewest_apart

FIRST = ScoreRecord("version 1", "accuracy", 100 / 103, 103, "texts", "rows", (0.94, 1.0))
SECOND = replace(FIRST, model="version 2", score=97 / 103, interval=(0.89, 0.98))


def test_few_texts_apart_say_nothing() -> None:
    sentence = compare_scores(
        replace(FIRST, wrong=frozenset({1, 2, 3})), replace(SECOND, wrong=frozenset({1, 4, 5, 6, 7, 8}))
    )
    assert sentence == (
        "accuracy 0.971 of version 1 and 0.942 of version 2 differ by 3 of 103 texts; version 1 alone is right on 5 "
        "texts, version 2 alone on 2: too few to tell which is better (exact McNemar test, p = 0.45)"
    )


@pytest.mark.parametrize(("gains", "better"), [(fewest_apart(), "version 2 is better"), (5, "too few to tell")])
def test_the_fewest_texts_that_tell(gains: int, better: str) -> None:
    first, second = replace(FIRST, wrong=frozenset(range(gains))), replace(SECOND, wrong=frozenset())
    assert better in compare_scores(first, second)
    assert (binomtest(gains, gains).pvalue < 0.05) == (gains >= fewest_apart())


def test_the_same_mistakes() -> None:
    first = replace(FIRST, wrong=frozenset({1}))
    assert compare_scores(first, replace(first, model="version 2")).endswith(": both make the same mistakes")
    faultless = replace(first, wrong=frozenset())
    assert compare_scores(faultless, replace(faultless, model="version 2")).endswith(": neither makes a mistake")


def test_without_the_rows_the_intervals_tell() -> None:
    overlap = "; the 95 % intervals 0.940 to 1.000 and 0.890 to 0.980 overlap: these scores do not tell"
    assert f"differ by 3 of 103 texts{overlap}" in compare_scores(FIRST, SECOND)
    assert "do not overlap: the difference is real" in compare_scores(FIRST, replace(SECOND, interval=(0.8, 0.9)))
    assert compare_scores(FIRST, replace(SECOND, interval=None)).endswith("differ by 3 of 103 texts")
    scores = [replace(score, name="ndcg@10") for score in (FIRST, SECOND)]
    assert f"0.942 of version 2, on 103 texts{overlap}" in compare_scores(*scores)


def test_other_rows_and_other_scores_are_not_compared() -> None:
    assert "are of different texts: evaluate both models" in compare_scores(FIRST, replace(SECOND, rows="others"))
    assert compare_scores(FIRST, replace(SECOND, name="micro_f1")) == ""
