"""Measures what texts without labels bring: for a classifier with few labels, and for vectors without pairs.

    python benchmarks/unlabelled.py --data DIR --runs RUNS --output unlabelled.json

Parts:

- classifiers: fine-tuned on 50, 200 and 1,000 labels, from the preset as it comes, and from the same after `tfapp
  pretrain` on all texts of train, by masked-language modelling, SimCSE and TSDAE.
- vectors: the same presets as they embed, by retrieval. A query is a text of test, what it has to find are the ten
  texts of train with its label, among ten of each label; nDCG@10, and how often the first text has the query's label.

The sets are SST-2 and BBC News for classifiers, Banking77 and BBC News for vectors. DIR holds `sst2/{train,dev}.tsv`
and `banking77/{train,test}.csv`; BBC News is in tfapp's catalogue. RUNS keeps the presets, so that what was ended goes
on.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from accuracy import tfapp
from drawn_sets import LabelledRows
from resumable import Measurement, add_options, print_scores, read_results, run_measurements

PARTS: Final = {"classifiers": ("sst2", "bbc-news"), "vectors": ("banking77", "bbc-news")}
COUNTS: Final = (50, 200, 1000)
# Epochs by the number of labels, so that few labels have steps enough, too.
EPOCHS: Final = {50: 20, 200: 10, 1000: 5}
# What the papers and guides of each take, on a preset that is a sentence encoder already.
METHODS: Final = {
    "mlm": ("training.epochs=3", "training.learning_rate=1e-4", "training.batch_size=32"),
    "simcse": ("model.kind=simcse", "training.epochs=1", "training.learning_rate=3e-5", "training.batch_size=64"),
    "tsdae": ("model.kind=tsdae", "training.epochs=1", "training.learning_rate=3e-5", "training.batch_size=8"),
}
PRETRAINING_MINUTES: Final = {"mlm": 8.0, "simcse": 4.0, "tsdae": 20.0}
# The settings were chosen elsewhere, so that SST-2's dev can be the test.
FILES: Final = {
    ("sst2", "train"): "sst2/train.tsv",
    ("sst2", "test"): "sst2/dev.tsv",
    ("banking77", "train"): "banking77/train.csv",
    ("banking77", "test"): "banking77/test.csv",
}
CANDIDATES, QUERIES, CUT = 10, 10, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("--runs", type=Path, required=True, help="a folder for presets and runs")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--sets", nargs="+", help="some of the parts' sets")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--counts", nargs="+", type=int, choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="minilm-l6")
    add_options(parser)
    options = parser.parse_args()
    options.runs, options.output = options.runs.resolve(), options.output.resolve()
    parts = options.part or list(PARTS)
    sets = dict.fromkeys(name for part in parts for name in PARTS[part] if name in (options.sets or PARTS[part]))
    measurements = [measurement for name in sets for measurement in plan_set(name, parts, options)]
    print_results(run_measurements(measurements, options))


def plan_set(name: str, parts: list[str], options: argparse.Namespace) -> Iterator[Measurement]:
    """Yields the measurements of a set, the pretraining of each method first."""
    for method in ("preset", *options.methods):
        key = f"{name}/{method}/pretraining"
        if method != "preset":
            minutes = PRETRAINING_MINUTES[method]
            yield Measurement(key, f"pretraining {name} {method}", minutes, partial(pretrain, name, method, options))
        start = partial(preset_of, method, key, options)
        if "vectors" in parts and name in PARTS["vectors"]:
            yield Measurement(
                f"{name}/{method}/vectors", f"vectors {name}", 2.0, partial(retrieve, name, start, options)
            )
        if "classifiers" not in parts or name not in PARTS["classifiers"]:
            continue
        for count in options.counts:
            for seed in range(options.seeds):
                fit = partial(classify, name, start, count, seed, options)
                yield Measurement(f"{name}/{method}/{count} labels/seed {seed}", f"classifier {count}", 1.5, fit)


def preset_of(method: str, key: str, options: argparse.Namespace) -> str:
    """Returns what a method starts from; the preset as it comes has no pretraining."""
    return options.preset if method == "preset" else read_results(options.output)[key]["preset"]


def pretrain(name: str, method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Pretrains on all texts of train, and returns where the preset is."""
    file = options.runs / f"{name}.jsonl"
    write_rows(file, read_rows(name, "train", options.data))
    settings = [f"--set={item}" for item in (*METHODS[method], "model.max_length=64", "data.dev_share=0.05")]
    command = ("pretrain", str(file), f"--name={name}-{method}", f"--preset={options.preset}", f"--runs={options.runs}")
    end = tfapp(options.runs, *command, "--json", *settings)[-1]
    return {"preset": end["preset"], "score": end["test"]["score"], "score_name": end["test"]["score_name"]}


def classify(name: str, start: Any, count: int, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Fine-tunes on so many labels, drawn by the seed, a fifth of them for dev."""
    rows = {split: read_rows(name, split, options.data) for split in ("train", "test")}
    random.Random(seed).shuffle(rows["train"])
    rows["train"] = rows["train"][:count]
    for split, split_rows in rows.items():
        write_rows(options.runs / f"{split}.jsonl", split_rows)
    settings = {
        "data.test": "test.jsonl",
        "data.dev_share": 0.2,
        "data.on_unseen_label": "drop",
        "model.preset": start(),
        "model.max_length": 64,
        "model.pooling": "mean",
        "training.epochs": EPOCHS[count],
        "training.seed": seed,
        "training.head_start": "fitted",
    }
    file = options.runs / "classifier.toml"
    file.write_text('name = "classifier"\n[data]\ntrain = "train.jsonl"\n')
    items = [f"--set={setting}={value}" for setting, value in settings.items()]
    end = tfapp(options.runs, "train", str(file), f"--runs={options.runs}", "--no-publish", "--json", *items)[-1]
    return {"test": end["test"]["score"]}


def retrieve(name: str, start: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Lets texts of test look for texts of train with their label."""
    import numpy as np

    from tfapp.api import export_preset, predict
    from tfapp.core.ndcg import ndcg

    models = options.runs / "models"
    version = export_preset(start(), models, name="vectors", overrides=["model.max_length=64"], quiet=True)
    candidates = some_of_each(read_rows(name, "train", options.data), CANDIDATES)
    queries = some_of_each(read_rows(name, "test", options.data), QUERIES)
    query_vectors, candidate_vectors = (
        predict(version, [text for text, _ in rows])["embedding"] for rows in (queries, candidates)
    )
    labels = np.array([label for _, label in candidates])
    scores = query_vectors @ candidate_vectors.T
    grades = [(labels == label).astype(float) for _, label in queries]
    firsts = [label == labels[row.argmax()] for (_, label), row in zip(queries, scores, strict=True)]
    values = [ndcg(grade, row.astype(float), CUT) for grade, row in zip(grades, scores, strict=True)]
    return {"test": statistics.mean(values), "accuracy@1": float(np.mean(firsts)), "queries": len(queries)}


def some_of_each(rows: LabelledRows, count: int) -> LabelledRows:
    """Returns so many rows of each label, always the same."""
    by_label: dict[str, LabelledRows] = {}
    for row in rows:
        by_label.setdefault(row[1], []).append(row)
    draw = random.Random(0)
    return [row for label_rows in by_label.values() for row in draw.sample(label_rows, min(count, len(label_rows)))]


def read_rows(name: str, split: str, data: Path) -> LabelledRows:
    """Returns texts and labels of train or test."""
    if name == "bbc-news":
        from tfapp import load_data

        table = getattr(load_data(name), split)
        return list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))
    with (data / FILES[name, split]).open(newline="", encoding="utf-8") as lines:
        if name == "sst2":
            return [(text, label) for text, label in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
        return [(row["text"], row["category"]) for row in csv.DictReader(lines)]


def write_rows(file: Path, rows: LabelledRows) -> None:
    import json

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))


def print_results(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the scores on test: of classifiers the mean, the lowest and the highest of the seeds."""
    rows: dict[str, list[float]] = {}
    for key, result in results.items():
        if "test" in result:
            rows.setdefault(key.split("/seed ")[0], []).append(100 * result["test"])
    print_scores(("set, start, and what", "accuracy, or nDCG@10", "seeds"), rows)


if __name__ == "__main__":
    main()
