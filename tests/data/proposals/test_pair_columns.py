"""Two columns of texts are found to be a pair, by their names or by their texts, and other columns are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pair_files import PAIR_LABELS, PAIR_ROWS, pair_texts, propose_for_pairs
from tfapp.errors import DataError


@pytest.mark.parametrize(
    ("query", "candidate"),
    [
        *(("message", "other_message"), ("text1", "text2"), ("question_1", "question_2"), ("text", "text.1")),
        *(("sentence_a", "sentence_b"), ("sentenceA", "sentenceB"), ("Left", "Right"), ("left_text", "right_text")),
        *(("premise", "hypothesis"), ("question", "answer"), ("frage", "antwort")),
    ],
)
def test_a_pair_is_told_in_one_line_with_the_way_out(tmp_path: Path, query: str, candidate: str) -> None:
    columns = {
        candidate: pair_texts(1),
        "id1": range(PAIR_ROWS),
        "id2": range(PAIR_ROWS),
        query: pair_texts(2),
        "label": PAIR_LABELS,
    }
    if query in ("question", "frage"):
        # Only the order of the columns says which comes first.
        columns = {query: columns[query], **columns}
    proposal = propose_for_pairs(tmp_path, columns)
    assert proposal.task == "pair-classification"
    assert [proposal.data[name] for name in ("query", "candidate", "label")] == [query, candidate, "label"]
    (note,) = [note for note in proposal.notes if note.startswith("pairs: ")]
    assert f'"{query}" and "{candidate}"' in note
    assert "--column text=NAME" in note
    single_proposal = propose_for_pairs(tmp_path, columns, hints={"text": candidate})
    assert (single_proposal.task, single_proposal.data["text"]) == ("classification", candidate)


def clean(values: list[str]) -> list[str]:
    return [text.replace("the ", "").upper() for text in values]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": pair_texts(1), "clean_text": clean(pair_texts(1))},
        {"text": pair_texts(1), "text2": clean(pair_texts(1))},
        {"title": pair_texts(1, 5), "body": pair_texts(2)},
        {"question": pair_texts(1, 5), "body": pair_texts(2, 30)},
        {"option_a": pair_texts(1), "option_b": pair_texts(2), "option_c": pair_texts(3)},
        {"question": pair_texts(1), "answer": pair_texts(2), "other_answer": pair_texts(3)},
        {"message": pair_texts(1), "when": ["Monday in May", "Friday in May"] * (PAIR_ROWS // 2)},
    ],
    ids=["cleaned", "copied", "title", "long", "options", "triple", "few values"],
)
def test_parts_copies_and_options_are_no_pair(tmp_path: Path, columns: dict[str, list[Any]]) -> None:
    assert propose_for_pairs(tmp_path, {**columns, "topic": PAIR_LABELS}).task == "classification"


def test_the_columns_that_the_user_names_are_the_pair(tmp_path: Path) -> None:
    columns = {"title": pair_texts(1, 4), "body": pair_texts(2), "query": pair_texts(3), "label": PAIR_LABELS}
    full_proposal = propose_for_pairs(tmp_path, columns, hints={"query": "title", "candidate": "body"})
    assert (full_proposal.task, full_proposal.data["query"], full_proposal.data["candidate"]) == (
        "pair-classification",
        "title",
        "body",
    )
    assert "as named" in full_proposal.notes[0]
    proposal = propose_for_pairs(tmp_path, columns, hints={"candidate": "body"})
    assert (proposal.task, proposal.data["candidate"], "query" in proposal.data) == (
        "pair-classification",
        "body",
        False,
    )
    with pytest.raises(DataError, match='no column "heading"'):
        propose_for_pairs(tmp_path, columns, hints={"query": "heading", "candidate": "body"})


def test_pairs_without_labels_are_nothing_that_labels_are_learnt_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column looks like labels"):
        propose_for_pairs(tmp_path, {"text1": pair_texts(1), "text2": pair_texts(2)})
