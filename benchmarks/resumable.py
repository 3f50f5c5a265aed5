"""A long benchmark as measurements of their own: planned in hours, kept one by one, gone on with where it was ended."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import environment, write_report
from inference_report import print_table

__all__ = ["Measurement", "add_options", "print_scores", "read_results", "run_measurements"]

PACKAGES: Final = ("tensorflow", "tensorflow-text", "keras-hub", "numpy", "tfapp")


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes:
        key: Its name in the results, parts apart by slashes, such as "sst2/random/seed 0".
        kind: Measurements of one kind take about the same time.
        minutes: How long one of them takes, until one was measured.
        run: Measures, and returns JSON values.
    """

    key: str
    kind: str
    minutes: float
    run: Callable[[], dict[str, Any]]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="the results as JSON; a run that was ended goes on")
    parser.add_argument("--most", type=int, help="end after this many measurements")
    parser.add_argument("--plan", action="store_true", help="only say how many hours are left")


def run_measurements(measurements: Sequence[Measurement], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Runs those that have no result yet, in order, and returns the results by key; prints the hours that they take."""
    results = read_results(options.output)
    missing_measurements = [measurement for measurement in measurements if measurement.key not in results]
    hours = sum(planned_minutes(measurement, results) for measurement in missing_measurements) / 60
    print(
        f"{len(missing_measurements)} of {len(measurements)} measurements left, about {hours:.1f} hours",
        file=sys.stderr,
    )
    if options.plan:
        return results
    for measurement in missing_measurements[: options.most]:
        start = time.monotonic()
        values = measurement.run()
        results[measurement.key] = {"kind": measurement.kind, "seconds": round(time.monotonic() - start, 1), **values}
        write_report(options.output, {"results": results, "environment": environment(*PACKAGES)})
        print(f"{measurement.key}: {values!s:.200}", file=sys.stderr)
    return results


def read_results(file: Path) -> dict[str, dict[str, Any]]:
    try:
        results: dict[str, dict[str, Any]] = json.loads(file.read_text())["results"]
    except FileNotFoundError:
        return {}
    return results


def print_scores(header: Sequence[str], scores_by_name: Mapping[str, Sequence[float]]) -> None:
    """Prints the mean of each name's scores and, where there are several, the lowest and the highest."""
    table = [
        (name, f"{statistics.mean(scores):.1f}", f"{min(scores):.1f} to {max(scores):.1f}" if len(scores) > 1 else "")
        for name, scores in scores_by_name.items()
    ]
    print_table(header, table)


def planned_minutes(measurement: Measurement, results: dict[str, dict[str, Any]]) -> float:
    times = [result["seconds"] / 60 for result in results.values() if result["kind"] == measurement.kind]
    return statistics.mean(times) if times else measurement.minutes
