"""Questions on toy contexts: which word of a topic stands there, if any does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.toy import FILLERS, TOPICS

ASKED = {"sport": "match", "money": "trade"}


def toy_questions(count: int = 160, *, impossible: bool = True) -> list[dict[str, Any]]:
    """Rows of question, context and SQuAD's answers; every fourth has none, if that may be."""
    return [_row(number, impossible and number % 4 == 3) for number in range(count)]


def _row(number: int, impossible: bool) -> dict[str, Any]:
    topic = ("sport", "money")[number // 2 % 2]
    words = [word for word in TOPICS[topic] if word != ASKED[topic]]
    other_word = TOPICS["tech"][number % 6]
    word = other_word if impossible else words[number * 7 % len(words)]
    head = [FILLERS[(number * 3 + place * 7) % len(FILLERS)] for place in range(2 + number % 9)]
    tail = [FILLERS[(number * 7 + place * 3) % len(FILLERS)] for place in range(2 + number % 4)]
    context = " ".join([*head, word, *tail, str(number % 4), str(number // 4 % 4), str(number // 16 % 4), "."])
    start = len(" ".join(head)) + 1
    answers = [] if impossible else [{"text": word, "answer_start": start}]
    return {"question": f"which {ASKED[topic]} ?", "context": context, "answers": answers}


def squad(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows as SQuAD's json has them, a paragraph each."""
    paragraphs = [
        {
            "context": row["context"],
            "qas": [
                {
                    "id": str(number),
                    "question": row["question"],
                    "answers": row["answers"],
                    "is_impossible": not row["answers"],
                }
            ],
        }
        for number, row in enumerate(rows)
    ]
    return {"version": "2", "data": [{"title": "toys", "paragraphs": paragraphs}]}


def write_squad(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes rows as SQuAD's json."""
    file.write_text(json.dumps(squad(rows), ensure_ascii=False), encoding="utf-8")
    return file
