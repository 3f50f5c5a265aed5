"""Whatever is proposed for a file can be learnt from: its settings are read, and its rows fill train, dev and test."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.data import load, write_starter
from tfapp.errors import DataError
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.registry import find_task
from tfapp.tasks.settings_proposal import propose_settings

FileRows = list[dict[str, Any]]

MESSY = st.sampled_from(["", " ", "  twice  ", "é ü", '"quoted"', "semi; colon", "tab\tbed", "1", "yes"])


def write_csv(file: Path, rows: FileRows) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(file: Path, rows: FileRows) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_conll(file: Path, rows: FileRows) -> Path:
    def tags(row: dict[str, Any]) -> str:
        spans = {span["start"]: span for span in row["label"]}
        start, lines = 0, []
        for word in row["text"].split(" "):
            lines.append(f"{word} {'B-' + spans[start]['label'] if start in spans else 'O'}\n")
            start += len(word) + 1
        return "".join(lines) + "\n"

    file.write_text("".join(map(tags, rows)), encoding="utf-8")
    return file


def extra(number: int, messy: Sequence[str]) -> dict[str, Any]:
    """A column that is none of the task's."""
    return {"remark": messy[number % len(messy)]} if messy else {}


def spans(numbers: list[int], messy: Sequence[str]) -> FileRows:
    """Texts of three words, the second of which is a place or a thing, or nothing."""
    rows = []
    for number, kind in enumerate([0, 1, 0, *numbers]):
        text = f"word{number} thing{kind} end"
        start = text.index(" ") + 1
        span = {"start": start, "end": start + len(f"thing{kind}"), "label": ["PLACE", "THING"][kind % 2]}
        rows.append({"text": text, "label": [span] if kind < 2 else [], **extra(number, messy)})
    return rows


def grades(numbers: list[int], messy: Sequence[str]) -> FileRows:
    """Queries, each with a candidate that fits, and one that does not."""
    queries = [number % 5 + 3 for number in numbers]
    pairs = [(query, grade) for query in (0, 1, 2, *queries) for grade in (0, 1)]
    return [
        {"query": f"what is {query}", "candidate": f"it is {number}", "label": grade, **extra(number, messy)}
        for number, (query, grade) in enumerate(pairs)
    ]


def classes(numbers: list[int], messy: Sequence[str]) -> FileRows:
    rows = []
    for number, kind in enumerate([0, 0, 1, 1, *numbers]):
        pair = {"query": f"question {number}", "candidate": f"answer number {number}"}
        rows.append({**pair, "label": ["same", "other", "Same", " other", "neither"][kind], **extra(number, messy)})
    return rows


def numbers_of_texts(numbers: list[int], messy: Sequence[str]) -> FileRows:
    return [
        {"text": f"it took {number} long words", "minutes": number * 7.25 + kind, **extra(number, messy)}
        for number, kind in enumerate([0, 1, 2, 3, *numbers])
    ]


def numbers_of_pairs(numbers: list[int], messy: Sequence[str]) -> FileRows:
    return [
        {
            "sentence1": f"the first of number {number}",
            "sentence2": f"the second of number {number}",
            "score": number * 0.37 + kind,
            **extra(number, messy),
        }
        for number, kind in enumerate([0, 1, 2, 3, *numbers])
    ]


def pairs(numbers: list[int], messy: Sequence[str]) -> FileRows:
    return [
        {"query": f"ask {number // 2}", "candidate": f"say {number} {kind}", **extra(number, messy)}
        for number, kind in enumerate([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, *numbers])
    ]


def answers(numbers: list[int], messy: Sequence[str]) -> FileRows:
    """Questions on contexts of their own, or on a shared one; some have no answer there."""
    rows = []
    for number, kind in enumerate([0, 0, 0, *numbers]):
        context = f"The shop number {number if kind < 4 else 0} opens at nine."
        answer = "nine" if kind < 3 else ""
        rows.append(
            {"question": f"When is it, {number}?", "context": context, "answer": answer, **extra(number, messy)}
        )
    return rows


KINDS: dict[
    str, tuple[Callable[[list[int], Sequence[str]], FileRows], Callable[[Path, FileRows], Path], str, str | None]
] = {
    "tagging": (spans, write_jsonl, "a.jsonl", None),
    "tagging of words": (spans, write_conll, "a.conll", None),
    "pair-classification": (classes, write_csv, "a.csv", "pair-classification"),
    "ranking": (grades, write_csv, "a.csv", "ranking"),
    "regression": (numbers_of_texts, write_csv, "a.csv", "regression"),
    "pair-regression": (numbers_of_pairs, write_jsonl, "a.jsonl", "pair-regression"),
    "embedding": (pairs, write_csv, "a.csv", "embedding"),
    "answering": (answers, write_jsonl, "a.jsonl", None),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(st.integers(0, 4), max_size=20), messy=st.lists(MESSY, max_size=3))
def test_no_proposal_is_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, numbers: list[int], messy: list[str]
) -> None:
    make, write, name, task = KINDS[kind]
    folder = tmp_path_factory.mktemp("proposed")
    file = write(folder / name, make(numbers, messy))
    try:
        proposal = propose_settings(str(file), task=task)
    except DataError as error:
        # What is found out may be too little: then nothing is proposed, and a way out is named.
        assert messy
        assert re.search(r"give --column label=NAME|; add rows, or name another column", str(error))  # noqa: PT017
        return
    assert proposal.task == kind.partition(" ")[0]
    experiment = load_experiment(write_starter(proposal, folder / "e.toml", tasks=task_settings()))
    spec = find_task(experiment.task)
    splits = load(experiment.data, schema=spec.schema, multi_label=experiment.model.multi_label)
    assert min(splits.report.rows.values()) >= 1
    assert sum(splits.report.rows.values()) <= splits.report.rows_read[str(file)]
