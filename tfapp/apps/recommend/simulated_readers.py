"""Simulates readers, whose events show the recommender where there are no real ones.

Each likes a few articles to begin with, and then opens, of what is out so far, what shares words with those (tf-idf),
what is of a section of theirs, what is new, and what has more appeal for everybody; the rest is chance. The embedding
model has no part in it, or it would be evaluated by its own opinion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Article", "publish", "simulate"]

_START: Final = datetime(2005, 1, 1, tzinfo=UTC)
_DAYS: Final = 30
_READERS: Final = 200
_DAILY: Final = 2.0
# Days after which an article is opened half as often.
_FRESH: Final = 6.0
_INTERESTS: Final = 3
# How much sharing words, being of a liked section, and appeal count in the log odds of being opened.
_WORDS: Final = 25.0
_SECTION: Final = 1.5
_APPEAL: Final = 0.7


@dataclass(frozen=True)
class Article:
    """An article: its id, title, first paragraph, section, and when it is said to have been published."""

    key: str
    title: str
    description: str
    section: str
    published: datetime


def publish(rows: Sequence[dict[str, Any]], *, seed: int = 0) -> list[Article]:
    """Draws days of publication for articles, as those of BBC News come without.

    Args:
        rows: With id, text (a title, an empty line, paragraphs) and label.
        seed: Seeds the draws.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    interval = timedelta(days=_DAYS) / max(len(rows), 1)
    dated_articles = []
    for index, row in enumerate(order):
        title, _, body = rows[row]["text"].partition("\n\n")
        # An article is found by its section and number, such as tech-17.
        key = str(rows[row]["id"]).replace("/", "-")
        description = body.split("\n\n")[0][:400]
        dated_articles.append(Article(key, title.strip(), description, rows[row]["label"], _START + index * interval))
    return dated_articles


def simulate(articles: Sequence[Article], *, seed: int = 0) -> Iterator[dict[str, str]]:
    """Yields the events of readers who each morning open some of the articles that were published before that day."""
    random = np.random.default_rng(seed)
    words = _words(articles)
    sections = np.array([article.section for article in articles])
    days = np.array([(article.published - _START).days for article in articles])
    appeal = random.normal(size=len(articles)) * _APPEAL
    for reader in range(_READERS):
        interests = random.choice(len(articles), _INTERESTS, replace=False)
        similarities = np.asarray((words @ words[interests].T).max(axis=1).todense()).ravel()
        taste = _WORDS * similarities + _SECTION * np.isin(sections, sections[interests]) + appeal
        has_read = np.zeros(len(articles), bool)
        for day in range(1 + int(random.integers(_DAYS // 2)), _DAYS):
            out = np.flatnonzero((days < day) & ~has_read)
            odds = taste[out] - np.log(2) * (day - days[out]) / _FRESH
            rows = out[_draw_articles(odds, random)]
            has_read[rows] = True
            yield from _draw_readings(f"reader-{reader}", [articles[row] for row in rows], day, random)


def _draw_articles(odds: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.intp]:
    """Yields the articles that are opened on a day."""
    chances = np.exp(odds - odds.max())
    # A little of everything may be opened.
    chances = 0.9 * chances / chances.sum() + 0.1 / len(chances)
    return random.choice(len(odds), min(int(random.poisson(_DAILY)), len(odds)), replace=False, p=chances)


def _draw_readings(
    user: str, articles: Sequence[Article], day: int, random: np.random.Generator
) -> Iterator[dict[str, str]]:
    start = _START + timedelta(days=day, minutes=360 + int(random.integers(120)))
    for number, article in enumerate(articles):
        kind = "click" if random.random() < 0.8 else "view"
        time = start + timedelta(minutes=7 * number)
        yield {"user": user, "item": article.key, "kind": kind, "time": time.isoformat()}


def _words(articles: Sequence[Article]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{article.title} {article.description}" for article in articles]
    return TfidfVectorizer(stop_words="english", sublinear_tf=True, min_df=2).fit_transform(texts)
