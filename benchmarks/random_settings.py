"""Compares `tfapp train FILE`, without a setting, with the best on dev of random settings.

    python benchmarks/random_settings.py --data DIR --folder FOLDER --output random.json --most 10

The sets are those of drawn_sets.py, written to FOLDER. Random settings are drawn from the space that `tfapp search`
tries for the task, around the settings that tfapp chose for all weights, and from two choices more: all weights or the
output layer alone, and sharpness-aware steps. All have the same splits. The first of the best on dev counts: its
answers to the test file are compared with those of `tfapp train FILE`, by McNemar's exact test. Each training is kept
in the output; the same command goes on with those that are missing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from drawn_sets import SETS, write_set
from inference_report import print_table
from resumable import Measurement, add_options, run_measurements

import tfapp
from tfapp.config import Experiment
from tfapp.config.search_space import read_search_space
from tfapp.core.threads import set_training_threads
from tfapp.evaluation.paired_tests import mcnemar
from tfapp.tasks.registry import find_task
from tfapp.workflows.plan import make_plan
from tfapp.workflows.search.trial_settings import suggest_parameters, trial_experiment

FURTHER_CHOICES: Final = {
    "training.adapt": ["all", "head"],
    "training.sam_rho": {"values": [None, 0.05], "when": {"training.adapt": "all"}},
}
HEADER: Final = ("set", "test rows", "tfapp", "best on dev", "difference", "p", "equals", "all", "minutes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--folder", type=Path, required=True, help="where the sets are written")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["banking77-25-intents", "editorials-200"])
    parser.add_argument("--draws", type=int, default=20)
    add_options(parser)
    options = parser.parse_args()
    set_training_threads()
    measurements = [measurement for name in options.sets for measurement in plan_set(name, options)]
    print_table(HEADER, list(table(run_measurements(measurements, options))))


def plan_set(name: str, options: argparse.Namespace) -> Iterator[Measurement]:
    train, test = map(str, write_set(name, options.data, options.folder))
    yield Measurement(f"{name}/default", "default", 2.0, partial(measure, train, test=test))
    for number, (parameters, experiment) in enumerate(random_experiments(train, test, options.draws)):
        yield Measurement(f"{name}/{number}", name, 1.0, partial(measure, experiment, parameters=parameters))


def random_experiments(train: str, test: str, draws: int) -> Iterator[tuple[dict[str, Any], Experiment]]:
    """Yields the values of different draws, and all settings with them; the same in every call."""
    import optuna

    plan = make_plan(train, quality="best", hints={"test": test})
    base = next(candidate.experiment for candidate in plan.candidates if candidate.name == "all weights")
    task = find_task(base.task).settings
    dimensions = read_search_space(base, replace(task, search=lambda base: {**task.search(base), **FURTHER_CHOICES}))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn_parameters: list[dict[str, Any]] = []
    while len(drawn_parameters) < draws:
        trial = study.ask()
        suggest_parameters(trial, dimensions, base)
        if trial.params not in drawn_parameters:
            drawn_parameters.append(dict(trial.params))
            yield drawn_parameters[-1], trial_experiment(base, dimensions, trial.params)


def measure(
    experiment: Experiment | str, *, parameters: Mapping[str, Any] | None = None, **data: str
) -> dict[str, Any]:
    """Trains, and returns the scores and which rows of test are wrong; the run is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        run = tfapp.fit(experiment, runs=folder, quiet=True, **data)
        return {
            "dev": run.folder.read("finished")["dev_score"],
            "test": run.evaluation.main_score,
            "count": run.evaluation.count,
            "settings": parameters or [row["name"] for row in run.folder.read("candidates") if row["chosen"]],
            "wrong": run.evaluation.wrong_rows,
        }


def table(results: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yields a row for each set that has a default and a draw: accuracies, and their difference in points."""
    for name in SETS:
        default = results.get(f"{name}/default")
        draws = [result for key, result in results.items() if key.rpartition("/")[0] == name and result is not default]
        if not default or not draws:
            continue
        best = max(draws, key=lambda result: result["dev"])
        equals = [100 * result["test"] for result in draws if result["dev"] == best["dev"]]
        test = mcnemar(set(best["wrong"]), set(default["wrong"]), default["count"])
        yield (
            name,
            str(default["count"]),
            f"{100 * default['test']:.1f}",
            f"{100 * best['test']:.1f}",
            f"{100 * test.difference:+.1f} ({100 * test.interval[0]:+.1f} to {100 * test.interval[1]:+.1f})",
            f"{test.p_value:.3f}",
            f"{len(equals)} with {statistics.mean(equals):.1f}",
            f"{len(draws)} with {100 * statistics.mean(result['test'] for result in draws):.1f}",
            f"{default['seconds'] / 60:.1f}, {sum(result['seconds'] for result in draws) / 60:.1f}",
        )


if __name__ == "__main__":
    main()
