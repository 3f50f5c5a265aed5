"""Measures what methods of robust training are worth, on texts as they are and as people mistype them.

    python benchmarks/robustness.py --data DIR --output robustness.json --plan
    python benchmarks/robustness.py --data DIR --output robustness.json
    python benchmarks/robustness.py --data DIR --output robustness.json --part sst2 banking77/fgm

Four sets of texts are trained by each method with several seeds, of the split too. A training tests on texts that were
cut off train, so that whoever chooses a method by this table has not seen the public test files; then on the same texts
with typos, in other case and in full-width forms, the same ones for each method. A method is compared with the plain
training of the same seed on the same texts, by McNemar's exact test.

Each training is written to the output when it ends; the same command goes on with those that are missing. DIR holds
`banking77/train.csv` and `sst2/train.tsv`; the other sets are tfapp's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w
from accuracy import EXAMPLES, HERE, SETTINGS, run_lines
from accuracy import tfapp as command
from inference_report import print_table
from resumable import Measurement, add_options, run_measurements

from tfapp.config import TrainingSettings
from tfapp.evaluation.paired_tests import mcnemar
from tfapp.training.time_budget import step_cost

PLAIN: Final = "plain"
TEST_SHARE: Final = 0.15


@dataclass(frozen=True)
class TextSet:
    """A set of texts.

    Attributes:
        settings: Its settings file.
        minutes: How long a plain training and its tests take on two cores, as planned: tokens of train times epochs at
            4,400 a second, and a minute.
        files: What it needs of the data folder.
    """

    settings: Path
    minutes: float
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class RobustMethod:
    """A method of training.

    Attributes:
        training: Its settings, beside those of the set.
    """

    training: Mapping[str, Any]

    @property
    def cost(self) -> float:
        """Returns its time, that of a plain training being 1."""
        return step_cost(TrainingSettings.model_validate(self.training))


SETS: Final = {
    "sst2": TextSet(SETTINGS / "sst2.toml", 4, ("sst2/train.tsv",)),
    "banking77": TextSet(SETTINGS / "banking77.toml", 6, ("banking77/train.csv",)),
    "movie-reviews": TextSet(EXAMPLES / "movie-reviews.toml", 3),
    "tweets": TextSet(EXAMPLES / "tweets.toml", 2),
}
METHODS: Final = {
    PLAIN: RobustMethod({}),
    "word-dropout": RobustMethod({"word_dropout": 0.1}),
    "typos": RobustMethod({"augment": {"share": 0.5, "kinds": ["typos"]}}),
    "word-drop": RobustMethod({"augment": {"share": 0.5, "kinds": ["word-drop"]}}),
    "neighbours": RobustMethod({"augment": {"share": 0.5, "kinds": ["neighbours"]}}),
    "sam": RobustMethod({"sam_rho": 0.05}),
    "fgm": RobustMethod({"fgm_epsilon": 1.0}),
    "r-drop": RobustMethod({"r_drop_alpha": 1.0}),
}
# What the settings files have of the methods, which a plain training does without.
OWN: Final = ("word_dropout", "sam_rho")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--part", nargs="+", default=list(SETS), metavar="SET[/METHOD]", help="by default all")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="further settings, for a trial"
    )
    add_options(parser)
    options = parser.parse_args()
    options.output = options.output.resolve()
    parts = list(chosen_parts(options.part, options.seeds))
    if not options.plan:
        check_files([text_set for text_set, _, _ in parts], options.data)
    measurements = [
        Measurement(
            "/".join((text_set, method, str(seed), *options.set)),
            f"{text_set}/{method}",
            SETS[text_set].minutes * METHODS[method].cost,
            partial(measure, experiment(text_set, method, seed), options.data, options.set),
        )
        for text_set, method, seed in parts
    ]
    results = run_measurements(measurements, options)
    if results:
        print_table(*table(results))


def chosen_parts(names: Sequence[str], seeds: int) -> Iterator[tuple[str, str, int]]:
    """Yields set, method and seed; seed by seed, so that a table is whole as early as can be."""
    for seed in range(seeds):
        for name in names:
            text_set, _, method = name.partition("/")
            if text_set not in SETS or (method and method not in METHODS):
                raise SystemExit(f"--part {name}: sets are {', '.join(SETS)}, methods {', '.join(METHODS)}")
            yield from ((text_set, name, seed) for name in METHODS if method in ("", name))


def check_files(names: Sequence[str], data: Path) -> None:
    files = dict.fromkeys(file for name in names for file in SETS[name].files)
    missing_files = [str(data / file) for file in files if not (data / file).exists()]
    if missing_files:
        raise SystemExit(f"no {', '.join(missing_files)}; give their folder with --data, or choose --part")


def measure(values: Mapping[str, Any], data: Path, settings: list[str]) -> dict[str, Any]:
    """Trains and tests, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.toml"
        file.write_text(tomli_w.dumps(values), encoding="utf-8")
        changes = [f"--set={setting}" for setting in settings]
        run = command(data, "train", str(file), f"--runs={folder}", "--json", *changes)[-1]["run"]
        scores: dict[str, Any] = run_lines([sys.executable, str(HERE / "robustness_scores.py"), run], data)[-1]
        return scores


def experiment(text_set: str, method: str, seed: int) -> dict[str, Any]:
    """Returns the settings of a training: those of the set, without methods of their own, and the method's."""
    values = tomllib.loads(SETS[text_set].settings.read_text(encoding="utf-8"))
    training = {name: value for name, value in values["training"].items() if name not in OWN}
    data = {name: value for name, value in values["data"].items() if name != "test"}
    return values | {
        "data": data | {"test_share": TEST_SHARE, "split_seed": seed},
        "training": training | METHODS[method].training | {"seed": seed},
    }


def table(results: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns the means in percent, with the seeds in which a method is better or worse than plain beyond chance."""
    pairs_by_name: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for key, result in results.items():
        text_set, method, *rest = key.split("/")
        plain_result = results.get("/".join((text_set, PLAIN, *rest)))
        pairs_by_name.setdefault((text_set, method), []).append((plain_result, result))
    conditions = list(dict.fromkeys(name for result in results.values() for name in result["accuracy"]))
    rows = [
        (*name, str(len(pairs)), *(cell(pairs, condition, compare=name[1] != PLAIN) for condition in conditions))
        for name, pairs in sorted(pairs_by_name.items())
    ]
    return ("set", "method", "seeds", *conditions), rows


def cell(pairs: Sequence[tuple[Any, Any]], condition: str, *, compare: bool) -> str:
    words = f"{100 * statistics.mean(own['accuracy'][condition] for _, own in pairs):.1f}"
    tests = [
        mcnemar(wrong_rows(plain_result, condition), wrong_rows(own_result, condition), own_result["count"])
        for plain_result, own_result in pairs
        if plain_result is not None and compare
    ]
    if not tests:
        return words
    different = [test.difference for test in tests if test.is_different]
    signs = "+" * sum(difference > 0 for difference in different) + "-" * sum(
        difference < 0 for difference in different
    )
    return f"{words} ({100 * statistics.mean(test.difference for test in tests):+.1f}{signs and f' {signs}'})"


def wrong_rows(result: Mapping[str, Any], condition: str) -> set[int]:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(result["wrong"][condition]), np.uint8))
    return set(np.flatnonzero(bits).tolist())


if __name__ == "__main__":
    main()
