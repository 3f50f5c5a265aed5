"""Measures what several seeds bring together: averaged weights, averaged probabilities, and a student of all of them.

    python benchmarks/ensembles.py --data DIR --runs RUNS --output ensembles.json

Each set is trained with several seeds, by the settings of its file in accuracy/, from a random output layer and from a
fitted one, which all seeds begin with. Parts:

- averages: the seeds; `tfapp runs average` of them, uniform and greedy; of the epochs of the first; the moving average
  of the weights (`training.ema_decay`) instead; and the mean of the seeds' probabilities, which costs as many networks.
- students: `[distillation]` from the first seed, and from all of them.

DIR holds `sst2/{train,dev}.tsv` and `banking77/{train,test}.csv`. RUNS keeps the runs, so that what was ended goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from accuracy import SETTINGS, tfapp
from resumable import Measurement, add_options, print_scores, read_results, run_measurements

SETS: Final = {"sst2": 8.0, "banking77": 14.0}
"""Minutes of a training on two cores."""
STARTS: Final = ("random", "fitted")
PARTS: Final = ("averages", "students")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--runs", type=Path, required=True, help="a folder for the runs")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=list(STARTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="further settings")
    add_options(parser)
    options = parser.parse_args()
    options.runs, options.output = options.runs.resolve(), options.output.resolve()
    measurements = [
        measurement
        for name in options.sets
        for start in options.starts
        for measurement in plan_set(name, start, options)
    ]
    print_results(run_measurements(measurements, options))


def plan_set(name: str, start: str, options: argparse.Namespace) -> Iterator[Measurement]:
    """Yields the measurements of a set with one start of the output layer, those before which others need."""
    prefix, minutes, parts = f"{name}/{start}", SETS[name], options.part or PARTS
    fit = partial(train, options, name, f"--set=training.head_start={start}")
    keys = [f"{prefix}/seed {seed}" for seed in range(options.seeds)]
    for seed, key in enumerate(keys):
        keep = [] if seed else ["--set=training.keep_epochs=true"]
        yield Measurement(key, f"training {name}", minutes, partial(fit, f"--set=training.seed={seed}", *keep))
    if "averages" in parts:
        for method in ("uniform", "greedy"):
            yield Measurement(f"{prefix}/{method} average", "average", 1.0, partial(average, options, keys, method))
            epochs = partial(average, options, keys[:1], method, "--epochs")
            yield Measurement(f"{prefix}/{method} average of epochs", "average", 1.0, epochs)
        ema = partial(fit, "--set=training.seed=0", "--set=training.ema_decay=0.995")
        yield Measurement(f"{prefix}/moving average", f"training {name}", minutes, ema)
        yield Measurement(f"{prefix}/mean of the probabilities", "ensemble", 1.0, partial(ensemble, options, keys))
    # A student has no fitted start.
    if "students" in parts and start == "random":
        for teacher, names in {"student of one": keys[:1], "student of all": keys}.items():
            yield Measurement(
                f"{prefix}/{teacher}", f"student {name}", 1.2 * minutes, partial(distil, options, name, names)
            )


def train(options: argparse.Namespace, name: str, *settings: str) -> dict[str, Any]:
    """Trains in a process of its own, and returns the run with its scores."""
    overrides = [f"--set={item}" for item in options.set]
    lines = tfapp(
        options.data, "train", str(SETTINGS / f"{name}.toml"), f"--runs={options.runs}", "--json", *settings, *overrides
    )
    return {"run": lines[-1]["run"], "test": lines[-1]["test"]["score"]}


def average(options: argparse.Namespace, keys: list[str], method: str, *arguments: str) -> dict[str, Any]:
    """Averages runs, and returns the result's run with its scores, and how many parts are in it."""
    command = ("runs", "average", *runs_of(options, keys), f"--method={method}", f"--to={options.runs}", "--json")
    result = tfapp(options.data, *command, *arguments)[-1]
    members = sum(part["member"] for part in result["parts"])
    return {"run": result["run"], "test": result["evaluation"]["main_score"], "dev": result["dev"], "members": members}


def ensemble(options: argparse.Namespace, keys: list[str]) -> dict[str, Any]:
    """Returns the accuracy of the mean of the probabilities of runs, on their test split."""
    import os

    import numpy as np

    from tfapp import open_run
    from tfapp.workflows.run_data import load_run_splits

    # The paths in the settings are relative to it.
    os.chdir(options.data)
    runs = [open_run(run) for run in runs_of(options, keys)]
    test = load_run_splits(runs[0].folder).test
    mean = np.mean([run.predict(test["text"].to_pylist())["probabilities"] for run in runs], axis=0)
    labels = np.array(runs[0].folder.read("data")["labels"])
    return {"test": float(np.mean(labels[mean.argmax(axis=1)] == np.array(test["label"].to_pylist())))}


def distil(options: argparse.Namespace, name: str, keys: list[str]) -> dict[str, Any]:
    """Trains a student of runs from the preset, by their answers alone."""
    teachers = ", ".join(f'"{run}"' for run in runs_of(options, keys))
    return train(options, name, f"--set=distillation.teacher=[{teachers}]", "--set=distillation.hidden_weight=0")


def runs_of(options: argparse.Namespace, keys: list[str]) -> list[str]:
    results = read_results(options.output)
    return [results[key]["run"] for key in keys]


def print_results(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the test scores: of the seeds their mean, lowest and highest."""
    rows: dict[str, list[float]] = {}
    for key, result in results.items():
        name = f"{key.rsplit('/', 1)[0]}/one seed" if "/seed " in key else key
        rows.setdefault(name, []).append(100 * result["test"])
    print_scores(("set, start of the output layer, and what", "test", "seeds"), rows)


if __name__ == "__main__":
    main()
