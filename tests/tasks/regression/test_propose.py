"""`tfapp init` on files of numbers; what was classes or a rating before stays so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfapp.data import Proposal, write_starter
from tfapp.errors import DataError
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.settings_proposal import propose_settings


def propose(folder: Path, columns: dict[str, list[object]]) -> Proposal:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return propose_settings(str(folder / "rows.csv"))


TEXTS: list[object] = [f"a message with the number {n} in it" for n in range(40)]
MINUTES: list[object] = [round(5 + n * 1.7, 1) for n in range(40)]


def test_many_distinct_numbers_are_a_regression(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"id": list(range(40)), "message": TEXTS, "minutes": MINUTES})
    assert proposal.task == "regression"
    assert (proposal.data["text"], proposal.data["label"]) == ("message", "minutes")
    assert 'numbers: column "minutes" (many distinct numbers)' in proposal.notes
    experiment = load_experiment(write_starter(proposal, tmp_path / "experiment.toml", tasks=task_settings()))
    assert (experiment.task, experiment.data.label) == ("regression", "minutes")


def test_pairs_are_told_by_the_names_of_their_columns(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "query": TEXTS,
        "candidate": [f"{text} too" for text in TEXTS],
        "other": MINUTES,
        "label": MINUTES,
    }
    proposal = propose(tmp_path, columns)
    assert proposal.task == "pair-regression"
    assert proposal.data["label"] == "label"
    assert "numbers could also be in: 'other'" in proposal.notes
    assert (
        load_experiment(write_starter(proposal, tmp_path / "experiment.toml", tasks=task_settings())).task
        == "pair-regression"
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("label", [n % 3 for n in range(40)]),
        ("grade", [n / 8 for n in range(40)]),
        ("stars", [round(1 + n * 3.7, 1) for n in range(40)]),
        ("topic", ["money", "sport"] * 20),
    ],
)
def test_classes_and_ratings_stay_a_classification(tmp_path: Path, name: str, values: list[object]) -> None:
    assert propose(tmp_path, {"text": TEXTS, name: values, "minutes": MINUTES}).task == "classification"


@pytest.mark.parametrize("name", ["id", "message_id", "line"])
def test_numbers_of_rows_are_no_labels(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="no column looks like labels"):
        propose(tmp_path, {"text": TEXTS, name: [n + 100 for n in range(40)]})


def test_a_file_with_lists_is_no_regression(tmp_path: Path) -> None:
    """Spans of a text may have a number beside them."""
    rows = [
        {"text": f"{text} Paris", "label": [{"start": 0, "end": 1, "label": "PLACE"}], "score": minutes}
        for text, minutes in zip(TEXTS, MINUTES, strict=True)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert propose_settings(str(tmp_path / "rows.jsonl")).task == "tagging"


SIMILARITIES: list[object] = [round((n * 37 % 51) / 10, 1) for n in range(40)]


@pytest.mark.parametrize("number", ["score", "similarity", "label"])
@pytest.mark.parametrize(("first", "second"), [("sentence1", "sentence2"), ("query", "candidate"), ("Text1", "Text2")])
def test_similarities_of_pairs_are_a_pair_regression(tmp_path: Path, first: str, second: str, number: str) -> None:
    columns = {"genre": ["news", "forum"] * 20, first: TEXTS, second: [f"{text} too" for text in TEXTS]}
    proposal = propose(tmp_path, {**columns, number: SIMILARITIES})
    experiment = load_experiment(write_starter(proposal, tmp_path / "experiment.toml", tasks=task_settings()))
    assert (proposal.task, experiment.task) == ("pair-regression", "pair-regression")
    assert (experiment.data.query, experiment.data.candidate, experiment.data.label) == (first, second, number)
    assert f'pairs: columns "{first}" and "{second}"' in proposal.notes[0]
    assert f'numbers: column "{number}" (many distinct numbers)' in proposal.notes


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        ({"score": [n % 11 / 2 for n in range(40)]}, "pair-regression"),
        ({"stars": [n % 5 for n in range(40)]}, "pair-regression"),
        ({"label": ["same", "other"] * 20, "score": SIMILARITIES}, "pair-classification"),
        ({"genre": ["news", "forum"] * 20, "score": SIMILARITIES}, "pair-regression"),
    ],
)
def test_a_rating_of_pairs_is_a_number_unless_labels_are_beside_it(
    tmp_path: Path, labels: dict[str, list[object]], task: str
) -> None:
    pairs: dict[str, list[object]] = {"sentence1": TEXTS, "sentence2": [f"{text} too" for text in TEXTS]}
    assert propose(tmp_path, {**pairs, **labels}).task == task


def test_many_numbers_beyond_a_rating_are_taken_by_one_task(tmp_path: Path) -> None:
    pairs: dict[str, list[object]] = {"sentence1": TEXTS, "sentence2": [f"{text} too" for text in TEXTS]}
    assert propose(tmp_path, {**pairs, "score": MINUTES}).task == "pair-regression"


def test_a_rating_of_one_text_says_what_would_learn_the_number(tmp_path: Path) -> None:
    proposal = propose(tmp_path, {"text": TEXTS, "score": SIMILARITIES})
    assert (proposal.task, proposal.data["rating"]["column"]) == ("classification", "score")
    assert 'task = "regression" would learn the number itself' in proposal.notes
