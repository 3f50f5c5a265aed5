"""Proposals and the settings files written from them."""

from __future__ import annotations

import csv
import json
import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import contract

from tests.text_classes import load
from tfapp import assets
from tfapp.config import DataSettings
from tfapp.config.task_settings import foreign_fields
from tfapp.data import QUALITIES, Candidate, DataSample, Proposal, write_starter
from tfapp.data.proposals.proposal import make_proposal
from tfapp.data.proposals.starter import starter_text
from tfapp.errors import DataError
from tfapp.tasks.classification.default_hyperparameters import count_labels
from tfapp.tasks.experiments import load_experiment, parse_experiment, task_settings
from tfapp.tasks.registry import all_tasks, find_task
from tfapp.tasks.settings_proposal import propose_settings

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "P", "Zs")), min_size=1, max_size=8)
WORDS = ["good", "bad", "film", "plot", "actor", "scene", "dull", "bright", "slow", "wild"]


def _texts(count: int, words: int = 8) -> list[str]:
    pick = random.Random(0)
    return [f"{' '.join(pick.choices(WORDS, k=words))} {index}" for index in range(count)]


def _csv(path: Path, columns: dict[str, list[Any]], header: bool = True, **options: Any) -> str:
    with path.open("w", encoding=options.get("encoding", "utf-8"), newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([*([list(columns)] if header else []), *zip(*columns.values(), strict=True)])
    return str(path)


def test_text_and_label_are_found_among_others(tmp_path: Path) -> None:
    columns = {
        "id": [str(index) for index in range(100)],
        "title": [f"t {index}" for index in range(100)],
        "lang": ["en", "de"] * 50,
        "body": _texts(100),
        "topic": ["a", "b", "c", "d"] * 25,
    }
    proposal = propose_settings(_csv(tmp_path / "a.csv", columns))
    assert (proposal.data["text"], proposal.data["label"]) == ("body", "topic")
    assert proposal.columns == tuple(columns)
    assert any("'lang'" in note for note in proposal.notes)


def test_a_file_without_header(tmp_path: Path) -> None:
    proposal = propose_settings(_csv(tmp_path / "a.tsv", {"x": _texts(50), "y": ["0", "1"] * 25}, header=False))
    assert dict(proposal.data) == {"train": str(tmp_path / "a.tsv"), "header": False, "text": "0", "label": "1"}


@pytest.mark.parametrize(
    ("ratings", "rating"),
    [
        ([1, 2, 3, 4, 5], {"column": "rating", "center": 3.0, "neutral_within": 0.5}),
        ([-3.5, -1.2, 0.1, 2.2, 4.0], {"column": "rating", "center": 0.0, "neutral_within": 0.5}),
    ],
)
def test_a_rating_is_proposed(tmp_path: Path, ratings: list[float], rating: dict[str, Any]) -> None:
    proposal = propose_settings(_csv(tmp_path / "a.csv", {"text": _texts(50), "rating": ratings * 10}))
    assert proposal.data["rating"] == rating
    assert "label" not in proposal.data


def test_a_label_wins_over_a_rating(tmp_path: Path) -> None:
    columns = {"text": _texts(50), "stars": [1, 2, 3, 4, 5] * 10, "label": ["x", "y"] * 25}
    assert propose_settings(_csv(tmp_path / "a.csv", columns)).data["label"] == "label"


def test_several_labels_by_separator_and_by_list(tmp_path: Path) -> None:
    sets = [["a"], ["a", "b"], ["b", "c"], ["a", "c"], ["a", "b", "c"]] * 10
    proposal = propose_settings(
        _csv(tmp_path / "a.csv", {"text": _texts(50), "tags": ["|".join(labels) for labels in sets]})
    )
    assert (proposal.data["label_separator"], proposal.model["multi_label"]) == ("|", True)
    lines = [json.dumps({"text": text, "tags": labels}) + "\n" for text, labels in zip(_texts(50), sets, strict=True)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    proposal = propose_settings(str(tmp_path / "a.jsonl"))
    assert (proposal.data["label"], proposal.model["multi_label"]) == ("tags", True)
    assert "label_separator" not in proposal.data


def test_encoding_is_guessed(tmp_path: Path) -> None:
    columns = {"text": [f"café {text}" for text in _texts(50)], "label": ["x", "y"] * 25}
    for encoding, guess in (("latin-1", "cp1252"), ("utf-16", "utf-16")):
        proposal = propose_settings(_csv(tmp_path / "a.csv", columns, encoding=encoding))
        assert proposal.data["encoding"] == guess
        assert any("not UTF-8" in note for note in proposal.notes)


def test_lengths_follow_the_texts(tmp_path: Path) -> None:
    def length(texts: list[str]) -> int:
        return propose_settings(_csv(tmp_path / "a.csv", {"text": texts, "label": ["x", "y"] * 25})).model["max_length"]

    assert length(_texts(50, 5)) == 32
    assert length(_texts(50, 60)) == 128
    assert length(_texts(50, 2000)) == 506
    assert length([f"{'好' * 100}{index}" for index in range(50)]) == 128


def test_the_index_that_pandas_writes_is_no_lack_of_a_header(tmp_path: Path) -> None:
    columns = {"": [str(index) for index in range(50)], "body": _texts(50), "topic": ["x", "y"] * 25}
    proposal = propose_settings(_csv(tmp_path / "a.csv", columns))
    assert (proposal.data["text"], proposal.data["label"]) == ("body", "topic")
    settings = DataSettings.model_validate({**proposal.data, "dev_share": 0.3})
    assert load(settings).train["text"].to_pylist()[0] in columns["body"]


def test_long_texts_get_windows(tmp_path: Path) -> None:
    def window(words: int) -> int | None:
        file = _csv(tmp_path / "a.csv", {"text": _texts(50, words), "label": ["x", "y"] * 25})
        starter = write_starter(propose_settings(file), tmp_path / f"{words}.toml", tasks=task_settings())
        return load_experiment(starter).model.window

    assert window(2000) == 128
    assert window(60) is None


def test_fewer_rows_get_more_epochs_where_all_weights_are_trained(tmp_path: Path) -> None:
    def epochs(rows: int) -> int:
        proposal = propose_settings(
            _csv(tmp_path / "a.csv", {"text": _texts(rows), "label": ["x", "y"] * (rows // 2)})
        ).as_one()
        assert any(f"train has about {rows * 7 // 20} texts for each of the 2 labels seen" in n for n in proposal.notes)
        assert not proposal.training.keys() & {"adapt", "word_dropout"}
        assert proposal.training["epoch_tolerance"] == 1
        # In twice the time an epoch, so where rows are few.
        assert proposal.training.get("sam_rho") == (0.05 if rows < 10000 else None)
        assert [proposal.training[name] for name in ("batch_size", "learning_rate", "layer_decay")] == [32, 1e-4, 0.9]
        return int(proposal.training["epochs"])

    assert [epochs(rows) for rows in (200, 1000, 4000, 13000)] == [10, 7, 5, 3]


def test_a_sentence_encoder_is_read_by_the_mean_and_no_other_preset_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _csv(tmp_path / "a.csv", {"text": _texts(200), "label": ["x", "y"] * 100})
    assert propose_settings(file).model["pooling"] == "mean"
    assert any("minilm-l6 is a sentence encoder" in note for note in propose_settings(file).notes)
    plain_preset = replace(assets.require("minilm-l6"), sentence_encoder=False)
    monkeypatch.setattr("tfapp.assets.sentence_encoder.find", lambda *_: plain_preset)
    assert "pooling" not in propose_settings(file).model
    small_file = _csv(tmp_path / "few.csv", {"text": _texts(60), "label": ["x", "y"] * 30})
    assert "adapt" not in propose_settings(small_file).as_one().training


def test_few_texts_of_many_labels_and_long_texts_get_a_fitted_output_layer(tmp_path: Path) -> None:
    def training(rows: int, labels: int, words: int = 8) -> Mapping[str, Any]:
        columns = {"text": _texts(rows, words), "label": [f"label {index % labels}" for index in range(rows)]}
        proposal = propose_settings(_csv(tmp_path / "a.csv", columns))
        for quality in QUALITIES:
            for candidate in proposal.candidates_of(quality):
                way = proposal.with_candidate(candidate)
                load_experiment(write_starter(way, tmp_path / "e.toml", tasks=task_settings(), force=True))
        return proposal.as_one().training

    # The settings' rules allow each of them.
    folds = {"adapt": "head", "head_penalty": "cross-validation"}
    assert training(100, 2) == folds
    assert training(600, 30) == folds
    assert training(400, 2, words=200) == folds
    # Dev has enough texts to choose by.
    assert training(1100, 40) == {"adapt": "head"}
    # A limit for "none of these" is taken from dev, which the output layer then must not learn.
    columns = {"text": _texts(60), "label": ["x", "y", "other"] * 20}
    assert propose_settings(_csv(tmp_path / "a.csv", columns)).as_one().training == {"adapt": "head"}
    expected = {"epochs": 10, "batch_size": 32, "learning_rate": 3e-4, "layer_decay": 0.9, "word_dropout": 0.1}
    assert training(2200, 30) == expected | {"epoch_tolerance": 1.0}


def test_a_quality_tries_the_output_layer_before_all_weights(tmp_path: Path) -> None:
    def names(rows: int, words: int = 8, labels: tuple[str, ...] = ("x", "y")) -> list[list[str]]:
        column = [labels[index % len(labels)] for index in range(rows)]
        proposal = propose_settings(_csv(tmp_path / "a.csv", {"text": _texts(rows, words), "label": column}))
        return [[candidate.name for candidate in proposal.candidates_of(quality)] for quality in QUALITIES]

    head, steps, faster, contrast = (
        "output layer alone",
        "all weights",
        "all weights at twice the rate",
        "contrast of labels",
    )
    assert names(60) == [[head], [head], [head, steps, contrast]]
    assert names(1000) == [[head], [head, steps], [head, steps, faster]]
    assert names(1000, words=200) == [[head], [head], [head, steps]]
    assert names(60, labels=("x", "y", "x|y")) == [[head], [head, steps], [head, steps]]


def test_columns_of_ids_are_neither_texts_nor_labels(tmp_path: Path) -> None:
    rows = 120
    columns = {
        "customerId": [index % 3 for index in range(rows)],
        "key": [f"{index:08d}-0000-4000-8000-000000000000-{'f' * 40}" for index in range(rows)],
        "link": [f"https://example.com/{index % 2}/{'x' * 90}" for index in range(rows)],
        "said": [f"{word} {index}" for index, word in enumerate(WORDS * 12)],
        "group_name": [f"team {index % 10}" for index in range(rows)],
    }
    proposal = propose_settings(_csv(tmp_path / "a.csv", columns))
    assert (proposal.data["text"], proposal.data["label"]) == ("said", "group_name")
    ids = "ids: 'customerId', 'key', 'link' look like ids or times, and are neither texts nor labels"
    assert ids in proposal.notes
    columns["label_id"] = [index % 2 for index in range(rows)]
    assert propose_settings(_csv(tmp_path / "a.csv", columns)).data["label"] == "label_id"


def test_spellings_and_a_label_for_none_of_these_are_proposed_and_told(tmp_path: Path) -> None:
    labels = ["billing", "Billing", " billing", "returns", "Out of scope"] * 12
    proposal = propose_settings(_csv(tmp_path / "a.csv", {"text": _texts(60), "label": labels}))
    assert (proposal.data["merge_labels"], proposal.data["unknown_label"]) == (True, "Out of scope")
    notes = [note for note in proposal.notes if note.startswith(("merge_labels", "unknown_label"))]
    assert notes == ['merge_labels: labels differ in case or white space alone: "Billing" for "billing"', notes[1]]
    experiment = load_experiment(write_starter(proposal, tmp_path / "e.toml", tasks=task_settings()))
    assert load(experiment.data).labels == ("billing", "returns")


def test_labels_are_counted_as_they_will_be_learnt() -> None:
    columns = {"label": ["a", "A", "a ", "None", "none", "b", "b", ""]}
    assert count_labels(DataSettings(train="x"), columns) == [2, 1, 1, 1, 2]
    assert count_labels(DataSettings(train="x", merge_labels=True, unknown_label="none"), columns) == [3, 2]


LABELS = st.sampled_from(["a", "A", " a", "b", "B ", "none", "None", "c", "other"])


@settings(max_examples=100, deadline=None)
@given(st.lists(LABELS, min_size=4, max_size=40), st.sampled_from([",", ";", "\t"]))
def test_what_is_proposed_for_few_and_messy_rows_can_be_learnt_from(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], separator: str
) -> None:
    folder = tmp_path_factory.mktemp("messy")
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows([("text", "label"), *zip(_texts(len(labels)), labels, strict=True)])
    try:
        proposal = propose_settings(str(folder / "a.csv"))
    except DataError as error:
        assert "labels" in str(error)  # noqa: PT017
        return
    experiment = load_experiment(write_starter(proposal, folder / "e.toml", tasks=task_settings()))
    splits = load(experiment.data, schema=find_task(experiment.task).schema, multi_label=experiment.model.multi_label)
    assert len(splits.labels) >= 2
    assert min(splits.report.rows.values()) >= 1


def test_rare_labels_count_more_in_the_output_layer(tmp_path: Path) -> None:
    def balance(rare: int) -> Any:
        columns = {"text": _texts(60), "label": ["x"] * (60 - rare) + ["y"] * rare}
        proposal = propose_settings(_csv(tmp_path / "a.csv", columns)).as_one()
        load_experiment(write_starter(proposal, tmp_path / "e.toml", tasks=task_settings(), force=True))
        return proposal.model.get("class_balance")

    assert (balance(30), balance(10)) == (None, 0.25)


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for label in ("left", "right"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        for index, text in enumerate(_texts(20)):
            (tmp_path / "texts" / label / f"{index}.txt").write_text(f"{label} {text}")
    proposal = propose_settings(str(tmp_path / "texts"))
    assert dict(proposal.data) == {"train": str(tmp_path / "texts")}
    assert (proposal.rows, proposal.columns) == (40, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,n\n1,2\n3,4\n", 'no column holds texts; columns: "id", "n"'),
        (
            "id,text\n1,some words\n2,other words\n3,more words\n",
            'in "text", but no column looks like labels.*"id", "text"',
        ),
        ("text,label\n", "no rows"),
        ("", "empty"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        propose_settings(str(tmp_path / "a.csv"))


def test_lists_in_lists_are_no_labels(tmp_path: Path) -> None:
    rows = ({"text": text, "label": [["x"], ["y"]]} for text in _texts(20))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match='the labels seem to be in "label", but a value is no label but a list'):
        propose_settings(str(tmp_path / "a.jsonl"))


def test_the_starter_file_loads_and_its_data_too(tmp_path: Path) -> None:
    columns = {"review": _texts(300), "stars": [1, 2, 3, 4, 5] * 60}
    proposal = propose_settings(_csv(tmp_path / "my reviews!.csv", columns))
    target = write_starter(proposal, tmp_path / "experiment.toml", tasks=task_settings())
    experiment = load_experiment(target)
    assert (experiment.name, experiment.data.text) == ("my-reviews", "review")
    assert {**experiment.training.model_dump(), **proposal.training} == experiment.training.model_dump()
    assert experiment.model.pooling == "mean"
    assert load(experiment.data).labels == ("negative", "neutral", "positive")
    assert "For few-shot: how many partners " in target.read_text(encoding="utf-8")
    assert "\nepochs = 10\n" in target.read_text(encoding="utf-8")
    assert "\n# sub_batch =\n" in target.read_text(encoding="utf-8")
    assert '\n# lora_targets = ["query", "value"]\n' in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("task", sorted(task_settings()))
def test_a_settings_file_has_its_task_s_settings_alone_and_no_comment_does_harm(tmp_path: Path, task: str) -> None:
    proposal = Proposal(task, {"train": "a.csv"}, {}, {}, 10, (), ())
    target = write_starter(proposal, tmp_path / "e.toml", tasks=task_settings())
    text = target.read_text(encoding="utf-8")
    names, section = set(), ""
    for line in text.splitlines():
        if header := re.fullmatch(r"(# )?\[(.+)\]", line):
            section = f"{header[2]}."
            names.add(header[2])
        elif name := re.match(r"(# )?(\w+) =", line):
            names.add(f"{section}{name[2]}")
    assert names & {"data.train", "training.epochs"} == {"data.train", "training.epochs"}
    assert not names & foreign_fields(task_settings()[task], task_settings().values()).keys()
    experiment = load_experiment(target)
    # Sections that are comments as a whole stand behind those that are not; a # before a value is one of a default.
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("# ["):
            break
        lines[number] = line[2:] if re.match(r"# \w+ = ", line) else line
    assert lines != text.splitlines()
    target.write_text("\n".join(lines), encoding="utf-8")
    assert load_experiment(target) == experiment


def test_a_settings_file_says_what_shared_settings_mean_for_its_task() -> None:
    def label(task: str) -> str:
        lines = starter_text(Proposal(task, {"train": "a.csv"}, {}, {}, 10, (), ()), task_settings()).splitlines()
        return lines[lines.index('# label = "label"') - 1]

    assert label("classification") == "# The column of the labels."
    assert label("regression") == "# The column of the labels. A label is a number."
    for name, task in task_settings().items():
        assert task.notes.keys() <= task.fields.keys(), name


def test_an_existing_settings_file_is_kept(tmp_path: Path) -> None:
    proposal = propose_settings(_csv(tmp_path / "a.csv", {"text": _texts(50), "label": ["x", "y"] * 25}))
    target = tmp_path / "experiment.toml"
    target.write_text("mine")
    with pytest.raises(DataError, match="--force"):
        write_starter(proposal, target, tasks=task_settings())
    assert target.read_text() == "mine"
    write_starter(proposal, target, force=True, tasks=task_settings())
    assert load_experiment(target).data.label == "label"
    with pytest.raises(DataError, match="does not exist"):
        write_starter(proposal, tmp_path / "none" / "experiment.toml", tasks=task_settings())


@settings(max_examples=80, deadline=None)
@given(name=st.text(min_size=1, max_size=30), text=st.text(max_size=20), note=st.text(max_size=40))
def test_any_names_make_a_valid_file(tmp_path_factory: pytest.TempPathFactory, name: str, text: str, note: str) -> None:
    data = {"train": name.encode("utf-8", "replace").decode(), "text": text.encode("utf-8", "replace").decode()}
    note = note.encode("utf-8", "replace").decode()
    proposal = Proposal("classification", data, {"multi_label": True}, {"epochs": 2}, 10, (), (note,))
    target = write_starter(proposal, tmp_path_factory.mktemp("toml") / "e.toml", tasks=task_settings())
    experiment = load_experiment(target)
    assert (experiment.data.train, experiment.data.text) == (data["train"], data["text"])
    assert experiment.model.multi_label


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(NAMES.filter(str.strip), min_size=2, max_size=4, unique=True),
    labels=st.integers(2, 6),
    suffix=st.sampled_from([".csv", ".jsonl"]),
)
def test_made_files_give_settings_that_load_them(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], labels: int, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("made")
    values = [_texts(60), [f"label {index % labels}" for index in range(60)], *([["x", "y", "z"] * 20] * 2)]
    columns = dict(zip(names, values, strict=False))
    if suffix == ".csv":
        name = _csv(folder / "a.csv", columns)
    else:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        name = str(folder / "a.jsonl")
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    experiment = load_experiment(write_starter(propose_settings(name), folder / "e.toml", tasks=task_settings()))
    assert experiment.data.text == names[0]
    assert experiment.data.label in names[1:]


def test_another_distribution_is_asked_before_a_file_is_taken_for_a_classification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def propose(sample: DataSample) -> Proposal | None:
        return make_proposal("tone", sample, sample.columns["text"], ["tones"]) if "tone" in sample.columns else None

    foreign = replace(find_task("tagging"), contract=contract.Task("tone", (), ()), propose=propose)
    monkeypatch.setattr("tfapp.tasks.settings_proposal.all_tasks", lambda: {"tone": foreign, **all_tasks()})
    tones = propose_settings(_csv(tmp_path / "a.csv", {"text": _texts(50), "tone": ["x", "y"] * 25}, encoding="utf-16"))
    assert (tones.task, tones.notes[0], tones.columns) == ("tone", "tones", ("text", "tone"))
    assert tones.data == {"train": str(tmp_path / "a.csv"), "encoding": "utf-16"}
    assert (
        propose_settings(_csv(tmp_path / "b.csv", {"text": _texts(50), "mood": ["x", "y"] * 25})).task
        == "classification"
    )


def test_candidates_are_tried_by_quality_and_laid_over_the_proposal() -> None:
    head = Candidate("head", "quick", "fast", training={"adapt": "head", "layer_decay": None})
    candidate = Candidate("tuned", "deep", model={"max_length": 64})
    sam = Candidate("sam", "few rows", "best", training={"sam_rho": 0.05})
    base = {"train": "a.csv"}, {"max_length": 32}, {"epochs": 3, "layer_decay": 0.9}
    proposal = Proposal(
        "classification", *base, rows=9, columns=(), notes=("a note",), candidates=(head, candidate, sam)
    )
    names = {quality: [candidate.name for candidate in proposal.candidates_of(quality)] for quality in QUALITIES}
    assert names == {"fast": ["head"], "good": ["head", "tuned"], "best": ["head", "tuned", "sam"]}
    assert proposal.with_candidate(head).training == {"epochs": 3, "adapt": "head"}
    single = proposal.as_one()
    assert (single.model, single.notes) == ({"max_length": 64}, ("a note", "tuned: deep"))
    assert replace(proposal, candidates=(sam,)).candidates_of("fast") == (sam,)
    assert replace(proposal, candidates=()).as_one() == replace(proposal, candidates=())
    text = starter_text(proposal, task_settings(), "e")
    assert parse_experiment(tomllib.loads(text)).model.max_length == 64


def test_a_parquet_file_without_rows_is_refused_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "empty.parquet"
    with pq.ParquetWriter(file, pa.schema([("text", pa.string()), ("label", pa.string())])):
        pass
    with pytest.raises(DataError, match="no rows to look at; give a file that has some"):
        propose_settings(str(file))
