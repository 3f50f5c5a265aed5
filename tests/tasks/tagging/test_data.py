"""Spans of texts: read from lists, checked against their text, kept as they are through cleaning and splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import DataSettings
from tfapp.data import describe, load, load_table
from tfapp.errors import DataError
from tfapp.tasks.registry import find_task
from tfapp.tasks.settings_proposal import propose_settings
from tfapp.tasks.tagging.data import as_spans


def span(start: Any, end: Any, label: Any = "x") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def save(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def many(count: int = 60) -> list[dict[str, Any]]:
    return [
        {"text": f"order {n} from Rome to Ana", "label": [span(12 + len(str(n)), 16 + len(str(n)), "place")]}
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ([], []),
        ([span(4, 7, "b"), span(0, 3, "a")], [span(0, 3, "a"), span(4, 7, "b")]),
        ([[0, 3, " a "], (3, 8, "b")], [span(0, 3, "a"), span(4, 7, "b")]),
        ([span(0, 3, "a") | {"id": 7}], [span(0, 3, "a")]),
    ],
)
def test_lists_become_spans_without_white_space_at_their_ends(value: Any, expected: Any) -> None:
    assert as_spans(value, "Ana Bob ") == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("B-x", "is no list of spans"),
        ([3], "has a span that is none: 3"),
        ([[0, 3]], "has a span that is none"),
        ([span("0", 3)], "has a span that is none"),
        ([span(True, 3)], "has a span that is none"),
        ([span(0, 3, None)], "has a span without a label"),
        ([span(0, 3, " ")], "has a span without a label"),
        ([span(0, 9)], "has the span 0 to 9 outside its text of 8 characters"),
        ([span(-1, 3)], "has the span -1 to 3 outside its text"),
        ([span(3, 3)], "has the span 3 to 3 outside its text"),
        ([span(5, 3)], "has the span 5 to 3 outside its text"),
        ([span(3, 4)], "has the span 3 to 4, which is white space"),
        ([span(0, 5, "a"), span(2, 7, "b")], r"spans that overlap: 0 to 5 \(a\) and 2 to 7 \(b\); keep one of them"),
        ([span(0, 7, "a"), span(4, 7, "b")], "spans that overlap"),
        ([span(0, 3), span(0, 3)], "spans that overlap"),
    ],
)
def test_what_is_no_span_of_the_text_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_spans(value, "Ana BobC")


def test_a_file_s_wrong_span_is_named_with_its_row(tmp_path: Path) -> None:
    name = save(tmp_path / "a.jsonl", [*many(3), {"text": "short", "label": [span(0, 6)]}])
    with pytest.raises(DataError) as excinfo:
        load(DataSettings(train=name), schema=find_task("tagging").schema)
    assert str(excinfo.value).startswith(
        f'{name}, line 4: column "label" has the span 0 to 6 outside its text of 5 characters, got ['
    )


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 19), st.integers(1, 20)), min_size=1, max_size=6))
def test_cleaning_leaves_places_right(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, int, int]]
) -> None:
    """Texts are compared in a normal form, but what is read, cleaned and split is the very text."""
    rows = [{"text": text, "label": [span(a, b)] if text[a:b].strip() else []} for text, a, b in texts]
    rows = [row | {"label": [s for s in row["label"] if s["end"] <= len(row["text"])]} for row in rows]
    name = save(tmp_path_factory.getbasetemp() / "places.jsonl", [*many(), *rows])
    splits = load(DataSettings(train=name, on_unseen_label="drop"), schema=find_task("tagging").schema)
    given_rows = {row["text"]: row for row in [*many(), *rows][::-1]}
    for side in ("train", "dev", "test"):
        for row in getattr(splits, side).select(["text", "label"]).to_pylist():
            spans = given_rows[row["text"]]["label"]
            span_texts = [row["text"][s["start"] : s["end"]] for s in row["label"]]
            assert span_texts == [row["text"][s["start"] : s["end"]].strip() for s in spans]


def test_repeated_texts_and_missing_labels_are_found(tmp_path: Path) -> None:
    extra = [many()[0], many()[1] | {"label": []}, {"text": "no label"}, {"text": " ", "label": []}]
    splits = load(DataSettings(train=save(tmp_path / "a.jsonl", many() + extra)), schema=find_task("tagging").schema)
    findings = {finding.kind: finding.rows for finding in splits.report.findings}
    assert findings == {"duplicate": (61,), "conflicting_duplicate": (62,), "missing_label": (63,), "empty_text": (64,)}
    assert splits.labels == ("place",)
    assert not splits.multi_label
    assert "place" in splits._repr_html_()
    assert sum(counts["place"] for counts in splits.report.label_counts.values()) == 60


def test_types_that_train_lacks_are_dropped_or_refused(tmp_path: Path) -> None:
    train = save(tmp_path / "train.jsonl", many())
    test_file = save(tmp_path / "test.jsonl", [*many(70)[60:], {"text": "Ana", "label": [span(0, 3, "person")]}])
    with pytest.raises(DataError, match='1 row in test with a type that train lacks: "person"'):
        load(DataSettings(train=train, test=test_file), schema=find_task("tagging").schema)
    splits = load(DataSettings(train=train, test=test_file, on_unseen_label="drop"), schema=find_task("tagging").schema)
    assert splits.test.num_rows == 10
    settings = DataSettings(train="any", on_unseen_label="drop")
    assert load_table(test_file, settings, labels=("place",), schema=find_task("tagging").schema).num_rows == 10


def test_a_side_without_a_span_is_named(tmp_path: Path) -> None:
    bare = [{"text": f"text {n}", "label": []} for n in range(40)]
    with pytest.raises(DataError, match=r"train has no text with a span; check data\.label"):
        load(DataSettings(train=save(tmp_path / "a.jsonl", bare)), schema=find_task("tagging").schema)
    rows = [*bare, many()[0]]
    with pytest.raises(DataError, match="has no text with a span"):
        load(DataSettings(train=save(tmp_path / "b.jsonl", rows)), schema=find_task("tagging").schema)


def test_it_is_described_and_proposed_as_tagging(tmp_path: Path) -> None:
    name = save(tmp_path / "a.jsonl", [{"text": row["text"], "spans": row["label"]} for row in many()])
    proposal = propose_settings(name)
    assert (proposal.task, proposal.data["label"], proposal.data["text"]) == ("tagging", "spans", "text")
    description = describe(name, DataSettings.model_validate(dict(proposal.data)), schema=find_task("tagging").schema)
    assert (description.rows, dict(description.labels)) == (60, {"place": 60})
