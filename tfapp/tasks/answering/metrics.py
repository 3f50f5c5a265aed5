"""Scores answers as SQuAD's evaluation script does (Rajpurkar et al. 2016, 2018), and fits the threshold."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["cut_texts", "exact_match", "f1_score", "fit_answer_threshold", "gold_texts", "normalize_answer"]

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Returns an answer as it is compared: lower case, without punctuation, articles and superfluous white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """Returns 1 where an answer is one of the right ones, else 0; where none is right, 1 for an empty one."""
    return float(normalize_answer(answer) in _normalize_all(golds))


def f1_score(answer: str, golds: Sequence[str]) -> float:
    """Returns the harmonic mean of precision and recall of an answer's words, against the nearest right one.

    Args:
        answer: The answer; empty for none.
        golds: The right ones; none, or only such as are nothing but articles and punctuation, for no answer.
    """
    words = normalize_answer(answer).split()
    return max(_f1(words, text.split()) for text in _normalize_all(golds))


def gold_texts(contexts: Sequence[str], spans: Sequence[Sequence[Sequence[int]]]) -> list[list[str]]:
    """Returns the right answers of each question, from their spans in code points."""
    return [[context[start:end] for start, end in row] for context, row in zip(contexts, spans, strict=True)]


def cut_texts(contexts: Sequence[str], starts: NDArray[Any], ends: NDArray[Any]) -> list[str]:
    """Returns the part of each context between two positions in code points."""
    spans = zip(contexts, starts.tolist(), ends.tolist(), strict=True)
    return [context[max(start, 0) : max(end, 0)] for context, start, end in spans]


def fit_answer_threshold(margins: NDArray[Any], answer_scores: NDArray[Any], absent: NDArray[Any]) -> float:
    """Finds the margin over which a question is best answered, by the mean score.

    Args:
        margins: float[N], how much an answer is preferred to none.
        answer_scores: float[N], the score of the answer.
        absent: float[N], the score of none.

    Returns:
        A number between two margins, under all or over all of them; 0 where N is 0.
    """
    if not len(margins):
        return 0.0
    order = np.argsort(-margins, kind="stable")
    sorted_margins = margins[order].astype(np.float64)
    totals = np.concatenate([[0.0], np.cumsum((answer_scores - absent)[order])])
    bounds = np.concatenate(
        [[sorted_margins[0] + 1], (sorted_margins[:-1] + sorted_margins[1:]) / 2, [sorted_margins[-1] - 1]]
    )
    # No bound lies between equal margins.
    is_boundary = np.concatenate([[True], sorted_margins[:-1] > sorted_margins[1:], [True]])
    return float(bounds[np.argmax(np.where(is_boundary, totals, -np.inf))])


def _normalize_all(texts: Sequence[str]) -> list[str]:
    return [text for text in map(normalize_answer, texts) if text] or [""]


def _f1(answer: Sequence[str], gold: Sequence[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    overlap = sum((Counter(answer) & Counter(gold)).values())
    return 2 * overlap / (len(answer) + len(gold))
