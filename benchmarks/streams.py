"""The texts that the benchmarks ask about: short questions, sentences, news, and a mix of the first two."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Final

__all__ = ["LONG", "STREAMS", "read_streams"]

STREAMS: Final = ("mix", "questions", "sentences", "news")
# Several news in one text, so that each has more tokens than a model reads.
LONG: Final = "long"
_TEXTS: Final = 1024
_LONG_TEXTS, _NEWS_A_TEXT = 64, 3


def read_streams(data: Path | None) -> dict[str, list[str]]:
    """Returns texts by stream, the same each time, in a random order.

    Args:
        data: A folder with `banking77/test.csv` and `sst2/test.tsv`; None: questions and sentences of tfapp's
            catalogue, which are a little shorter and a little longer.
    """
    questions, sentences = _of_folder(data) if data else _of_catalogue()
    news = _draw(_news())
    long_texts = [" ".join(news[at : at + _NEWS_A_TEXT]) for at in range(0, _LONG_TEXTS * _NEWS_A_TEXT, _NEWS_A_TEXT)]
    streams = {"questions": _draw(questions), "sentences": _draw(sentences), "news": news, LONG: long_texts}
    half = _TEXTS // 2
    return {"mix": _draw(streams["questions"][:half] + streams["sentences"][:half]), **streams}


def _of_folder(data: Path) -> tuple[list[str], list[str]]:
    with (data / "banking77" / "test.csv").open(encoding="utf-8", newline="") as file:
        questions = [row["text"] for row in csv.DictReader(file)]
    lines = (data / "sst2" / "test.tsv").read_text(encoding="utf-8").splitlines()
    return questions, [line.partition("\t")[0] for line in lines]


def _of_catalogue() -> tuple[list[str], list[str]]:
    import tfapp

    dialogues = tfapp.load_data("chatterbot", task="embedding", query="question", candidate="answer")
    english = [text for text in dialogues.train["query"].to_pylist() if text.isascii()]
    return english, tfapp.load_data("movie-reviews").test["text"].to_pylist()


def _news() -> list[str]:
    import tfapp

    return [str(text) for text in tfapp.load_data("bbc-news").test["text"].to_pylist()]


def _draw(texts: list[str]) -> list[str]:
    unique = sorted(set(texts))
    random.Random(1).shuffle(unique)
    return unique[:_TEXTS]
