"""Measures what trains few weights beside full fine-tuning and the output layer alone: quality, weights, time, memory.

    python benchmarks/adapters.py --data DIR --output adapters.json --plan              says the hours
    python benchmarks/adapters.py --data DIR --output adapters.json --part banking77

The settings of accuracy/{sst2,banking77,wnut17}.toml, without sharpness-aware steps and word shapes, on --train-rows
random rows of train, with each way of `training.adapt`. Adapters are beside all dense layers, of a rank that makes them
about 1 % of MiniLM's weights. Full fine-tuning has the learning rate of its file; those of the adapters are chosen by
the dev score of the first seed. Test is evaluated in every run, and nothing is chosen by it.

A training is a process of its own, whose peak of memory the table shows. It is written to --output as soon as it is
done, and not done again. Of each set there are 26 trainings with three seeds: five ways with three seeds, four of them
with two more rates, and the output layer. DIR holds what accuracy.py needs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from accuracy import PACKAGES, ROWS, SETTINGS, check_files
from harness import environment, quiet, write_report
from inference_report import print_table

TARGETS: Final = (
    "query",
    "key",
    "value",
    "attention_output",
    "feedforward_intermediate_dense",
    "feedforward_output_dense",
)
RATES: Final = (5e-4, 1e-3, 2e-3)
FIRST_SEED: Final = 0


@dataclass(frozen=True)
class Way:
    """A way to train: its settings, and the learning rates that dev chooses from; none: that of the set's file."""

    settings: tuple[str, ...]
    rates: tuple[float, ...] = ()


WAYS: Final = {
    "all weights": Way(("training.adapt=all",)),
    "LoRA": Way(("training.adapt=lora",), RATES),
    "LoRA, rank-stabilized": Way(("training.adapt=lora", "training.lora_rank_stabilized=true"), RATES),
    "DoRA": Way(("training.adapt=dora",), RATES),
    "AdaLoRA": Way(("training.adapt=adalora",), RATES),
    "output layer": Way(("training.adapt=head", "training.layer_decay=1", "training.word_dropout=0")),
}
# Seconds that a training is planned with, of 2000 rows on two cores without other work: the rows' tokens in all epochs
# at 4000 tokens a second, and half a minute for the start, the compilation and the evaluations.
PARTS: Final = {"sst2": 80, "banking77": 90, "wnut17": 140}
# What the files of the settings have beside what is compared: it takes twice the time, or needs all weights.
WITHOUT: Final = ("sam_rho", "word_shapes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--part", choices=PARTS, nargs="+", default=list(PARTS), help="sets to measure")
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train-rows", type=int, default=2000, help="rows of train; 0: all")
    parser.add_argument("--rank", type=int, default=5, help="of the adapters")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="further settings of all trainings"
    )
    parser.add_argument("--output", type=Path, required=True, help="the figures as JSON, which a later call adds to")
    parser.add_argument("--plan", action="store_true", help="say how many trainings are left, and their hours")
    options = parser.parse_args()
    check_files({part: ROWS[part] for part in options.part}, options.data)
    conditions = {"train_rows": options.train_rows, "rank": options.rank, "set": options.set}
    report = read_report(options.output, conditions)
    if options.plan:
        print_plan(report["trainings"], options)
        return
    for part in options.part:
        with tempfile.TemporaryDirectory() as folder:
            measure(part, report, options, Path(folder))
    print_results(report["trainings"], options)


def print_plan(trainings: dict[str, Any], options: argparse.Namespace) -> None:
    for part in options.part:
        counts = {name: max(len(WAYS[name].rates), 1) + options.seeds - 1 for name in options.ways}
        finished_count = sum(key.startswith(tuple(f"{part}; {name};" for name in options.ways)) for key in trainings)
        missing_count = sum(counts.values()) - finished_count
        hours = missing_count * PARTS[part] * (options.train_rows or 7000) / 2000 / 3600
        print(f"{part}: {missing_count} trainings left, about {hours:.1f} hours")


def measure(part: str, report: dict[str, Any], options: argparse.Namespace, folder: Path) -> None:
    """Adds the trainings of a set that are still missing to the report, and writes it after each."""
    train = cap_rows(options.data / ROWS[part].files[0], folder, options.train_rows)
    common = [*options.set, f"data.train={train}", f"training.lora_rank={options.rank}"]
    common.append(f"training.lora_targets={json.dumps(TARGETS)}")
    trainings = report["trainings"]
    for name in options.ways:
        for seed, rate in schedule(trainings, part, name, options.seeds):
            key = training_key(part, name, rate, seed)
            if key in trainings:
                continue
            settings = [*common, *WAYS[name].settings, f"training.seed={seed}"]
            settings += [f"training.learning_rate={rate}"] if rate else []
            trainings[key] = train_once(part, settings, options.data, folder)
            report["environment"] = environment(*PACKAGES)
            write_report(options.output, report)
            print(f"{key}: {trainings[key]}", file=sys.stderr)


def read_report(file: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    """Returns what earlier calls measured, under the same conditions."""
    if not file.exists():
        return {"conditions": conditions, "trainings": {}}
    report: dict[str, Any] = json.loads(file.read_text())
    if report["conditions"] != conditions:
        raise SystemExit(f"{file} was measured with {report['conditions']}; give the same, or another --output")
    return report


def cap_rows(file: Path, folder: Path, count: int) -> Path:
    """Writes some of a file's rows, drawn by a fixed seed, to a file of the same name in a folder; with 0 all."""
    capped_file = folder / file.name
    if not count:
        return Path(shutil.copyfile(file, capped_file)).resolve()
    draw = random.Random(0)
    with (
        file.open(newline="", encoding="utf-8") as lines,
        capped_file.open("w", newline="", encoding="utf-8") as target,
    ):
        if file.suffix == ".csv":
            header, *rows = csv.reader(lines)
            csv.writer(target).writerows([header, *draw.sample(rows, min(count, len(rows)))])
            return capped_file.resolve()
        blocks = list(sentences(lines)) if file.suffix == ".conll" else list(lines)
        target.writelines(draw.sample(blocks, min(count, len(blocks))))
    return capped_file.resolve()


def sentences(lines: Iterator[str]) -> Iterator[str]:
    """Yields the blocks of lines between blank ones, each with a blank line behind it."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line.rstrip("\r\n") + "\n")
        elif block:
            yield "".join(block) + "\n"
            block = []


def schedule(trainings: dict[str, Any], part: str, name: str, seeds: int) -> Iterator[tuple[int, float | None]]:
    """Yields seeds and rates: all rates with the first seed, then the other seeds with the rate that is best on dev."""
    rates: Sequence[float | None] = WAYS[name].rates or (None,)
    yield from ((FIRST_SEED, rate) for rate in rates)
    best = chosen_rate(trainings, part, name)
    yield from ((seed, best) for seed in range(FIRST_SEED + 1, FIRST_SEED + seeds))


def chosen_rate(trainings: dict[str, Any], part: str, name: str) -> float | None:
    """Returns the rate that was best on dev with the first seed, of those that were measured."""
    rates = WAYS[name].rates
    scores = {rate: trainings.get(training_key(part, name, rate, FIRST_SEED), {}).get("dev") for rate in rates}
    known_scores = {rate: score for rate, score in scores.items() if score is not None}
    return max(known_scores, key=lambda rate: known_scores[rate], default=None)


def training_key(part: str, name: str, rate: float | None, seed: int) -> str:
    return f"{part}; {name}; {rate or 'its own rate'}; seed {seed}"


def train_once(part: str, settings: Sequence[str], data: Path, folder: Path) -> dict[str, Any]:
    """Trains in a process of its own, in the folder of the data; times and memory are those of the whole command."""
    runs, file = folder / "runs", folder / f"{part}.toml"
    lines = (SETTINGS / file.name).read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(WITHOUT)), encoding="utf-8")
    command = [sys.executable, "-m", "tfapp", "train", str(file), f"--runs={runs}", "--json"]
    command += [f"--set={setting}" for setting in settings]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=data, env=quiet(), stdout=output, stderr=errors, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{errors.read()[-2000:]}")
        end = [json.loads(line) for line in output if line.startswith('{"')][-1]
    run = Path(end["run"])
    adapter = run / "model" / "adapter.safetensors"
    figures = {
        "measure": end["test"]["score_name"],
        "test": end["test"]["score"],
        "dev": json.loads((run / "finished.json").read_text())["dev_score"],
        "trained_weights": end["trained_weights"],
        "weights": end["weights"],
        "adapter_kb": adapter.stat().st_size // 1000 if adapter.exists() else None,
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        # Linux counts in kB.
        "peak_mb": usage.ru_maxrss // 1024,
    }
    shutil.rmtree(runs)
    return figures


def print_results(trainings: dict[str, Any], options: argparse.Namespace) -> None:
    header = (
        "data",
        "way",
        "rate",
        "test, mean",
        "lowest",
        "highest",
        "dev",
        "trained",
        "share",
        "file, kB",
        "s",
        "CPU s",
        "MB",
    )
    rows = []
    for part in options.part:
        for name in options.ways:
            rate = chosen_rate(trainings, part, name)
            keys = [training_key(part, name, rate, seed) for seed in range(FIRST_SEED, FIRST_SEED + options.seeds)]
            rows.append((part, name, f"{rate:g}" if rate else "", *cells([trainings[key] for key in keys])))
    print_table(header, rows)
    print(f"{sum(training['seconds'] for training in trainings.values()) / 3600:.2f} hours in all")


def cells(runs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    tests = [100 * run["test"] for run in runs]
    first = runs[0]
    return (
        f"{statistics.mean(tests):.2f}",
        f"{min(tests):.2f}",
        f"{max(tests):.2f}",
        f"{100 * statistics.mean(run['dev'] for run in runs):.2f}",
        f"{first['trained_weights']:,}",
        f"{first['trained_weights'] / first['weights']:.2%}",
        str(first["adapter_kb"] or ""),
        f"{statistics.mean(run['seconds'] for run in runs):.0f}",
        f"{statistics.mean(run['processor_seconds'] for run in runs):.0f}",
        f"{statistics.mean(run['peak_mb'] for run in runs):.0f}",
    )


if __name__ == "__main__":
    main()
