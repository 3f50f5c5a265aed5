"""Two columns of texts are found to be a pair, by their names or by their texts, and other columns are not."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest

from tfapp.data import Proposal
from tfapp.errors import DataError
from tfapp.tasks.sniff import sniff

ROWS = 40
LABELS = ["same", "other"] * (ROWS // 2)
WORDS = [
    "when",
    "will",
    "my",
    "parcel",
    "with",
    "the",
    "blue",
    "lamp",
    "come",
    "back",
    "to",
    "your",
    "shop",
    "in",
    "town",
    "today",
    "please",
]


def texts(seed: int, words: int = 7) -> list[str]:
    pick = random.Random(seed)
    return [" ".join(pick.choices(WORDS, k=words)) for _ in range(ROWS)]


def propose(folder: Path, columns: dict[str, list[Any]], **options: Any) -> Proposal:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return sniff(str(folder / "rows.csv"), **options)


@pytest.mark.parametrize(
    ("query", "candidate"),
    [
        *(("message", "other_message"), ("text1", "text2"), ("question_1", "question_2"), ("text", "text.1")),
        *(("sentence_a", "sentence_b"), ("sentenceA", "sentenceB"), ("Left", "Right"), ("left_text", "right_text")),
        *(("premise", "hypothesis"), ("question", "answer"), ("frage", "antwort")),
    ],
)
def test_a_pair_is_told_in_one_line_with_the_way_out(tmp_path: Path, query: str, candidate: str) -> None:
    columns = {candidate: texts(1), "id1": range(ROWS), "id2": range(ROWS), query: texts(2), "label": LABELS}
    if query in ("question", "frage"):
        # Only the order of the columns says which comes first.
        columns = {query: columns[query], **columns}
    proposal = propose(tmp_path, columns)
    assert proposal.task == "pair-classification"
    assert [proposal.data[name] for name in ("query", "candidate", "label")] == [query, candidate, "label"]
    (note,) = [note for note in proposal.notes if note.startswith("pairs: ")]
    assert f'"{query}" and "{candidate}"' in note
    assert "--column text=NAME" in note
    alone = propose(tmp_path, columns, hints={"text": candidate})
    assert (alone.task, alone.data["text"]) == ("classification", candidate)


def cleaned(values: list[str]) -> list[str]:
    return [text.replace("the ", "").upper() for text in values]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": texts(1), "clean_text": cleaned(texts(1))},
        {"text": texts(1), "text2": cleaned(texts(1))},
        {"title": texts(1, 5), "body": texts(2)},
        {"question": texts(1, 5), "body": texts(2, 30)},
        {"option_a": texts(1), "option_b": texts(2), "option_c": texts(3)},
        {"question": texts(1), "answer": texts(2), "other_answer": texts(3)},
        {"message": texts(1), "when": ["Monday in May", "Friday in May"] * (ROWS // 2)},
    ],
    ids=["cleaned", "copied", "title", "long", "options", "triple", "few values"],
)
def test_parts_copies_and_options_are_no_pair(tmp_path: Path, columns: dict[str, list[Any]]) -> None:
    assert propose(tmp_path, {**columns, "topic": LABELS}).task == "classification"


def test_the_columns_that_the_user_names_are_the_pair(tmp_path: Path) -> None:
    columns = {"title": texts(1, 4), "body": texts(2), "query": texts(3), "label": LABELS}
    named = propose(tmp_path, columns, hints={"query": "title", "candidate": "body"})
    assert (named.task, named.data["query"], named.data["candidate"]) == ("pair-classification", "title", "body")
    assert "as named" in named.notes[0]
    one = propose(tmp_path, columns, hints={"candidate": "body"})
    assert (one.task, one.data["candidate"], "query" in one.data) == ("pair-classification", "body", False)
    with pytest.raises(DataError, match='no column "heading"'):
        propose(tmp_path, columns, hints={"query": "heading", "candidate": "body"})


def test_pairs_without_labels_are_nothing_that_labels_are_learnt_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column looks like labels"):
        propose(tmp_path, {"text1": texts(1), "text2": texts(2)})


def test_spellings_of_a_relation_are_merged_and_none_of_these_is_one(tmp_path: Path) -> None:
    labels = ["same", "Same", "other", "opposite"] * (ROWS // 4)
    proposal = propose(tmp_path, {"text1": texts(1), "text2": texts(2), "relation": labels})
    assert (proposal.data["label"], proposal.data["merge_labels"]) == ("relation", True)
    assert "unknown_label" not in proposal.data
    assert 'task = "ranking" would order the candidates of a query' not in proposal.notes
    again = propose(tmp_path, {"text1": texts(1)[:8] * 5, "text2": texts(2), "relation": labels})
    assert 'task = "ranking" would order the candidates of a query' in again.notes
