"""Folders of Hugging Face datasets: arrow and parquet files, splits, names of classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.text_classes import load, read_table
from tfapp.config import DataSettings
from tfapp.data import detect_format, read_batches, resolve, write_starter
from tfapp.data.file_formats import FORMATS
from tfapp.errors import DataError
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.settings_proposal import propose_settings

FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
}
METADATA = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}


def table(first: int, rows: int) -> pa.Table:
    numbers = range(first, first + rows)
    values = {"text": [f"text of the number {n}" for n in numbers], "label": [n % 2 for n in numbers]}
    return pa.table(values).replace_schema_metadata(METADATA)


def save_dataset(folder: Path, tables: list[pa.Table]) -> Path:
    """Writes what `Dataset.save_to_disk` of datasets 3 writes."""
    folder.mkdir(parents=True)
    names = [f"data-{index:05d}-of-{len(tables):05d}.arrow" for index in range(len(tables))]
    for name, shard in zip(names, tables, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, shard.schema) as writer:
            writer.write_table(shard, max_chunksize=7)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def save_dict(folder: Path) -> Path:
    save_dataset(folder / "train", [table(0, 30), table(30, 30)])
    save_dataset(folder / "validation", [table(100, 10)])
    save_dataset(folder / "test", [table(200, 20)])
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation", "test"]}))
    return folder


def save_hub(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    for name, shard in {
        "train-00000-of-00002": table(0, 30),
        "train-00001-of-00002": table(30, 30),
        "validation-00000-of-00001": table(100, 10),
        "test-00000-of-00001": table(200, 20),
    }.items():
        pq.write_table(shard, folder / "data" / f"{name}.parquet")
    (folder / "README.md").write_text("---\n---\n")
    return folder


def rows(path: Path, **values: Any) -> list[dict[str, Any]]:
    settings = DataSettings.model_validate({"train": str(path), **values})
    return read_table(resolve(str(path), settings, catalogue={})).to_pylist()


@pytest.mark.parametrize("save", [save_dict, save_hub])
def test_the_splits_of_a_folder_become_train_dev_and_test(tmp_path: Path, save: Any) -> None:
    folder = save(tmp_path / "reviews")
    proposal = propose_settings(str(folder))
    sides = {"train": "train", "dev": "validation", "test": "test"}
    assert {side: proposal.data[side] for side in sides} == {s: str(folder / name) for s, name in sides.items()}
    assert any(note.startswith("splits: train is ") for note in proposal.notes)
    experiment = load_experiment(write_starter(proposal, tmp_path / "e.toml", tasks=task_settings()))
    splits = load(experiment.data)
    assert splits.report.rows == {"train": 60, "dev": 10, "test": 20}
    assert splits.labels == ("neg", "pos")
    assert splits.train["text"].to_pylist() == table(0, 60)["text"].to_pylist()
    # The folder itself is its train split.
    assert rows(folder) == rows(folder / "train")
    assert [row["row"] for row in rows(folder)] == list(range(1, 61))
    assert FORMATS["arrow"].count_rows(folder / "train") == 60


@pytest.mark.parametrize("label_type", [pa.int64(), pa.float32()])
@pytest.mark.parametrize("has_names", [True, False])
def test_a_test_split_without_labels_is_told_and_not_used(
    tmp_path: Path, has_names: bool, label_type: pa.DataType
) -> None:
    folder = save_dict(tmp_path / "glue")
    test_table = table(200, 20).set_column(1, "label", pa.array([-1] * 20, label_type))
    test_table = test_table.append_column("idx", pa.array([-1] * 19 + [3]))
    shutil.rmtree(folder / "test")
    save_dataset(folder / "test", [test_table.replace_schema_metadata(METADATA if has_names else None)])
    proposal = propose_settings(str(folder))
    test = str(folder / "test")
    note = f"test: {test} is not used, since its labels are hidden (-1); test is cut from train"
    assert note in proposal.notes
    assert ", test is " not in "\n".join(proposal.notes)
    assert "test" not in proposal.data
    splits = load(load_experiment(write_starter(proposal, tmp_path / "e.toml", tasks=task_settings())).data)
    assert splits.report.rows["dev"] == 10
    assert sum(splits.report.rows.values()) == 70
    assert splits.report.rows["test"] > 0
    # Whoever names it has it read.
    assert propose_settings(str(folder), hints={"test": test}).data["test"] == test


def test_files_and_folders_without_splits_are_read_whole(tmp_path: Path) -> None:
    folder = save_dataset(tmp_path / "one", [table(0, 9), table(9, 9)])
    assert [row["label"] for row in rows(folder)] == ["neg", "pos"] * 9
    assert detect_format(folder / "data-00000-of-00002.arrow") == "arrow"
    assert len(rows(folder / "data-00000-of-00002.arrow")) == 9
    batches = list(read_batches(folder, batch_rows=4))
    assert pa.Table.from_batches(batches).num_rows == 18
    assert max(batch.num_rows for batch in batches) == 4
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table(0, 3).schema) as writer:
        writer.write_table(table(0, 3))
    assert [row["label"] for row in rows(tmp_path / "a.arrow")] == ["neg", "pos", "neg"]


def test_a_class_of_minus_one_is_no_label_and_lists_have_names_too(tmp_path: Path) -> None:
    features = {**FEATURES, "label": {"feature": FEATURES["label"], "_type": "List"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    lists = pa.table({"text": ["a", "b"], "label": [[0, 1], []]}).replace_schema_metadata(metadata)
    settings = DataSettings(train=str(save_dataset(tmp_path / "lists", [lists])))
    source = resolve(settings.train, settings, catalogue={})
    assert read_table(source, multi_label=True)["label"].to_pylist() == [["neg", "pos"], []]
    unknown = pa.table({"text": ["a"], "label": [-1]}).replace_schema_metadata(METADATA)
    assert rows(save_dataset(tmp_path / "unknown", [unknown]))[0]["label"] is None


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    folder = save_dataset(tmp_path / "one", [table(0, 90), table(90, 90)])
    shard = folder / "data-00001-of-00002.arrow"
    shard.write_bytes(shard.read_bytes()[:300])
    with pytest.raises(
        DataError, match=r"00001-of-00002\.arrow: not a readable arrow file: .*; copy or write the file again"
    ):
        rows(folder)
    shard.unlink()
    with pytest.raises(DataError, match=r"00001-of-00002\.arrow: the file is missing, but .*state\.json names it"):
        rows(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no arrow or parquet files"):
        rows(tmp_path / "empty", format="arrow")
    (folder / "state.json").write_text("{")
    with pytest.raises(DataError, match=r"state\.json: not readable"):
        rows(folder)
    texts = tmp_path / "texts"
    for label in "ab":
        (texts / label).mkdir(parents=True)
        (texts / label / "1.txt").write_text(label)
    pq.write_table(table(0, 3), texts / "a.parquet")
    pq.write_table(table(0, 3), texts / "sst2.parquet")
    assert [row["text"] for row in rows(texts)] == ["a", "b"]
    with pytest.raises(DataError, match="no such file, folder or data set"):
        rows(texts / "sst2")
    dict_folder = save_dict(tmp_path / "dict")
    (dict_folder / "dataset_dict.json").write_text(json.dumps({"splits": ["en", "de"]}))
    with pytest.raises(DataError, match='no split "train", but en, de; name one, as '):
        rows(dict_folder)
