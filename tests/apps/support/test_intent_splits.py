from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.support.intent_model import split_questions
from tfapp.data.stored_texts import text_key

QUESTIONS = st.lists(st.tuples(st.text("abcdef", min_size=1), st.sampled_from("xyz")), max_size=60)


@given(QUESTIONS)
def test_every_question_is_on_one_side_and_every_intent_in_train(questions: list[tuple[str, str]]) -> None:
    splits = split_questions(questions)
    split = [text_key(text) for rows in splits.values() for text, _ in rows]
    assert sorted(split) == sorted({text_key(text) for text, _ in questions})
    counts = Counter(intent for rows in splits.values() for _, intent in rows)
    held_out = {split_name: {intent for _, intent in splits[split_name]} for split_name in ("dev", "test")}
    assert held_out["dev"] == held_out["test"] == {intent for intent, count in counts.items() if count > 2}


def test_most_questions_are_learnt_from_and_stay_where_they_are() -> None:
    questions = [(f"question {number}", "ab"[number % 2]) for number in range(2000)]
    splits, grown_splits = split_questions(questions[:1900]), split_questions(questions)
    shares = {split_name: len(rows) / 2000 for split_name, rows in grown_splits.items()}
    assert 0.75 < shares["train"] < 0.85
    assert 0.07 < shares["dev"] < 0.13
    moves = set(splits["test"]) - set(grown_splits["test"])
    assert len(moves) <= 4


def test_the_last_word_on_a_question_holds() -> None:
    splits = split_questions([("Where?", "a"), ("where?", "b"), ("x", "a"), ("y", "b")])
    assert sorted(splits["train"]) == [("where?", "b"), ("x", "a"), ("y", "b")]
