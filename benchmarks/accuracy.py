"""Measures how well documented settings answer on public data, beside Hugging Face's Trainer with the same BERT.

Every row of the table is a settings file, trained with several seeds: `training.seed`, and `data.split_seed` where
tfapp splits the data itself. The peer gets the very rows that tfapp split, the same BERT, epochs, batch size, length
and learning rate, or its own where it is better so, and keeps its best epoch by the dev split as tfapp does.

    python benchmarks/accuracy.py --data DIR --peer PYTHON --output accuracy.json

DIR holds what is not in tfapp's catalogue: `banking77/{train,test}.csv`, `sst2/{train,dev,test}.tsv`,
`wnut17/{train,dev,test}.conll`. PYTHON has benchmarks/requirements/accuracy-peer.txt; without it only tfapp works.

    python benchmarks/accuracy.py --default TRAIN TRAIN=TEST ... --output default.json

measures `tfapp train` without a setting instead, on data files or data sets of one label a text.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from accuracy_default import Peers, measure_defaults
from harness import environment, quiet, write_report

HERE: Final = Path(__file__).resolve().parent
EXAMPLES: Final = HERE.parent / "examples"
SETTINGS: Final = HERE / "accuracy"
PEER: Final = HERE / "accuracy_peer.py"
SETFIT: Final = HERE / "accuracy_setfit.py"
PACKAGES: Final = ("tensorflow", "tensorflow-text", "keras-hub", "numpy", "tfapp")


@dataclass(frozen=True)
class AccuracyRow:
    """A row of the table.

    Attributes:
        settings: The file.
        reach: The score to reach.
        files: What it needs of the data folder.
        split: Whether the seed also chooses the split.
        also: Another file of the data folder to evaluate on.
        peer: Whether the peer can do the same.
        peer_rate: A learning rate at which the peer is better than at the file's.
    """

    settings: Path
    reach: float | None
    files: tuple[str, ...] = ()
    split: bool = False
    also: str | None = None
    peer: bool = True
    peer_rate: float | None = None


@dataclass(frozen=True)
class ContenderScore:
    """The score of one training; seconds of training and evaluation together."""

    seed: int
    score: float
    dev: float
    seconds: float
    also: float | None = None


@dataclass
class AccuracyResult:
    """The trainings of a row."""

    name: str
    measure: str
    reach: float | None
    ours: list[ContenderScore] = field(default_factory=list)
    theirs: list[ContenderScore] = field(default_factory=list)


ROWS: Final = {
    "bbc-news": AccuracyRow(EXAMPLES / "bbc-news-head.toml", 0.98, split=True, peer=False),
    "sst2": AccuracyRow(SETTINGS / "sst2.toml", 0.89, files=("sst2/train.tsv", "sst2/dev.tsv"), also="sst2/test.tsv"),
    "banking77": AccuracyRow(SETTINGS / "banking77.toml", 0.93, files=("banking77/train.csv", "banking77/test.csv")),
    "banking77-10": AccuracyRow(
        SETTINGS / "banking77-10.toml",
        0.83,
        files=("banking77/train.csv", "banking77/test.csv"),
        split=True,
        peer=False,
    ),
    "wnut17": AccuracyRow(
        SETTINGS / "wnut17.toml",
        0.45,
        files=tuple(f"wnut17/{split}.conll" for split in ("train", "dev", "test")),
    ),
    "movie-reviews": AccuracyRow(EXAMPLES / "movie-reviews.toml", None, split=True, peer_rate=1e-4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, help="of each row, 3 unless given; with --default so many splits, else 1")
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter with the peer's requirements")
    parser.add_argument("--peer-seeds", type=int, help="fewer seeds of the peer")
    parser.add_argument("--output", type=Path, help="write the figures as JSON, anew after every training")
    parser.add_argument("--default", nargs="+", metavar="TRAIN[=TEST]", help="data files, instead of rows")
    parser.add_argument("--quality", default="good", help="with --default: as of `tfapp train`")
    options = parser.parse_args()
    if options.default:
        peers = Peers(*(partial(ask_peer, options.peer, script, data=options.data) for script in (PEER, SETFIT)))
        measure_defaults(
            options.default,
            quality=options.quality,
            splits=options.seeds or 1,
            run_lines=run_lines,
            peers=peers if options.peer else None,
            output=options.output,
        )
        return
    options.seeds = options.seeds or 3
    table_rows = {name: ROWS[name] for name in options.rows}
    check_files(table_rows, options.data)
    results: list[AccuracyResult] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, row in table_rows.items():
            results.append(AccuracyResult(name, "", row.reach))
            for _ in measure(row, results[-1], options, Path(folder)):
                if options.output:
                    report = {"rows": [asdict(result) for result in results], "environment": environment(*PACKAGES)}
                    write_report(options.output, report)
    print_table(results)


def check_files(rows: dict[str, AccuracyRow], data: Path) -> None:
    missing_files = [str(data / file) for row in rows.values() for file in row.files if not (data / file).exists()]
    if missing_files:
        raise SystemExit(f"no {', '.join(missing_files)}; give their folder with --data, or choose --rows")


def measure(row: AccuracyRow, result: AccuracyResult, options: argparse.Namespace, folder: Path) -> Iterator[None]:
    """Trains with each seed, tfapp and the peer by turns."""
    for seed in range(options.seeds):
        run, ours = train(row, seed, options.data, folder)
        result.ours.append(ours)
        result.measure = run["measure"]
        print(f"{result.name}, seed {seed}: {ours.score:.4f} in {ours.seconds:.0f} s", file=sys.stderr)
        yield
        if options.peer and row.peer and (options.peer_seeds is None or seed < options.peer_seeds):
            theirs = train_peer(options.peer, run["path"], seed, row.peer_rate, options.data)
            result.theirs.append(theirs)
            print(f"{result.name}, seed {seed}, the peer: {theirs.score:.4f}", file=sys.stderr)
            yield


def train(row: AccuracyRow, seed: int, data: Path, folder: Path) -> tuple[dict[str, Any], ContenderScore]:
    """Trains as a user would, in a process of its own."""
    settings = [f"--set=training.seed={seed}", *([f"--set=data.split_seed={seed}"] if row.split else [])]
    start = time.monotonic()
    lines = tfapp(data, "train", str(row.settings), f"--runs={folder}", "--json", *settings)
    seconds = time.monotonic() - start
    end = lines[-1]
    dev = json.loads((Path(end["run"]) / "finished.json").read_text())["dev_score"]
    also = tfapp(data, "evaluate", end["run"], f"--data={row.also}", "--json")[-1]["main_score"] if row.also else None
    measure = {"path": end["run"], "measure": end["test"]["score_name"]}
    return measure, ContenderScore(seed, end["test"]["score"], dev, seconds, also)


def tfapp(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Runs a command in the data's folder, for the paths in the settings are relative to it."""
    return run_lines([sys.executable, "-m", "tfapp", *arguments], folder)


def run_lines(command: list[str], folder: Path) -> list[Any]:
    """Returns the lines of JSON that a command prints."""
    process = subprocess.run(command, check=False, cwd=folder, env=quiet(), capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{process.stderr[-2000:]}")
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{"')]


def train_peer(python: str, run: str, seed: int, rate: float | None, data: Path) -> ContenderScore:
    """Hands the run's split to the peer and waits for its score; at the run's learning rate, unless one is given."""
    # The rows by a process of their own: TensorFlow would hold memory and threads while the peer works.
    task = run_lines([sys.executable, str(HERE / "accuracy_rows.py"), run], data)[-1]
    return ContenderScore(
        seed, **ask_peer(python, PEER, task | {"seed": seed} | ({"learning_rate": rate} if rate else {}), data=data)
    )


def ask_peer(python: str, script: Path, task: dict[str, Any], *, data: Path) -> dict[str, float]:
    """Hands rows and settings to the peer and waits for its scores."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.json"
        write_report(file, task)
        scores: dict[str, float] = run_lines([python, str(script), str(file)], data)[-1]
        return scores


def print_table(results: list[AccuracyResult]) -> None:
    header = ("data", "measure", "mean", "lowest", "highest", "reach", "also", "peer", "s")
    table = [header, *(cells(result) for result in results)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def cells(result: AccuracyResult) -> tuple[str, ...]:
    scores = [run.score for run in result.ours]
    also = [run.also for run in result.ours if run.also is not None]
    theirs = [run.score for run in result.theirs]
    return (
        result.name,
        result.measure,
        f"{100 * statistics.mean(scores):.2f}",
        f"{100 * min(scores):.2f}",
        f"{100 * max(scores):.2f}",
        f"{100 * result.reach:.1f}" if result.reach else "the peer's",
        f"{100 * statistics.mean(also):.2f}" if also else "",
        f"{100 * statistics.mean(theirs):.2f}" if theirs else "",
        f"{statistics.mean(run.seconds for run in result.ours):.0f}",
    )


if __name__ == "__main__":
    main()
