"""The ways to train that are chosen for pairs, numbers and embeddings, by the rows and the preset."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tfapp.data import QUALITIES, Proposal
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.settings_proposal import propose_settings
from tfapp.workflows.plan import make_plan

NAMES = {
    "ranking": ("vectors compared", "vectors that learn", "both texts as one"),
    "pair-classification": ("vectors compared", "vectors that learn", "both texts as one"),
    "pair-regression": ("vectors compared", "vectors that learn", "both texts as one"),
    "embedding": ("the preset's vectors", "vectors that learn", "vectors that learn slowly"),
    "regression": ("output layer alone", "all weights"),
}


def write_pairs(folder: Path, rows: int) -> str:
    file = folder / f"{rows}.csv"
    with file.open("w", newline="") as file_object:
        lines = ((f"the query {n // 2}", f"a candidate {n}", n % 2) for n in range(rows))
        csv.writer(file_object).writerows([("query", "candidate", "label"), *lines])
    return str(file)


def names(proposal: Proposal) -> list[list[str]]:
    return [[candidate.name for candidate in proposal.candidates_of(quality)] for quality in QUALITIES]


@pytest.mark.parametrize("task", ["ranking", "pair-classification", "embedding"])
def test_few_pairs_are_read_apart(tmp_path: Path, task: str) -> None:
    first, second, third = NAMES[task]
    assert names(propose_settings(write_pairs(tmp_path, 200), task=task)) == [
        [first],
        [first, second],
        [first, second, third],
    ]


def test_many_pairs_are_read_as_one_too(tmp_path: Path) -> None:
    first, second, third = NAMES["ranking"]
    proposal = propose_settings(write_pairs(tmp_path, 6000), task="ranking")
    assert names(proposal) == [[first], [first, second, third], [first, second, third]]


@pytest.mark.parametrize("task", NAMES)
def test_each_way_is_an_experiment_and_has_its_reason(tmp_path: Path, task: str) -> None:
    file, hints = write_pairs(tmp_path, 300), {}
    if task == "regression":
        hints = {"text": "query"}
    proposal = propose_settings(file, task=task, hints=hints)
    assert tuple(candidate.name for candidate in proposal.candidates) == NAMES[task]
    for candidate in proposal.candidates:
        single = proposal.with_candidate(candidate)
        sections: dict[str, Any] = {"data": single.data, "model": single.model, "training": single.training}
        experiment = parse_experiment({"name": "toy", "task": task, **sections})
        assert experiment.network.pooling == ("mean" if task != "embedding" else None)
        assert candidate.reason


def test_another_preset_has_other_ways(tmp_path: Path) -> None:
    file = write_pairs(tmp_path, 200)
    plain_proposal = propose_settings(file, task="ranking", preset="bert_base_en_uncased")
    assert plain_proposal.candidates == ()
    assert "pooling" not in plain_proposal.model
    plan = make_plan(file, task="ranking", overrides=["model.preset=bert_base_en_uncased"])
    assert [candidate.experiment.model.pair_encoder for candidate in plan.candidates] == ["cross"]
    later = ["model.preset=bert_base_en_uncased", "model.preset='minilm-l6'"]
    assert make_plan(file, task="ranking", overrides=later).candidates[0].experiment.model.pair_encoder == "bi"
    unknown = propose_settings(file, task="ranking", preset="some/folder")
    assert unknown.model["pooling"] == "mean"
    assert any("nothing is known of some/folder" in note for note in unknown.notes)
