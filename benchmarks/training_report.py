"""The report of training.py: ratios compared with the aims of the processor's class, and tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference_report import print_table, spread
from processor import AVX2, AVX512_BF16, aims_class

__all__ = ["compare_with_targets", "print_report", "rates"]

OURS, AUTO, FASTER = "tfapp float32", "tfapp auto", "tfapp, the faster"
TRAINER, HALF, KERAS = "Trainer float32", "Trainer bfloat16", "KerasHub float32"
NEWS: Final = ("bbc-news",)
SENTENCES: Final = ("sst2", "movie-reviews")


@dataclass(frozen=True)
class TrainingTarget:
    """A ratio of tokens a second to reach.

    Attributes:
        data: The data sets that it is for.
        ours: Our contender.
        theirs: The contender that it is compared with.
        bounds: By class of processor, the least ratio ours / theirs.
    """

    data: tuple[str, ...]
    ours: str
    theirs: str
    bounds: Mapping[str, float]


TARGETS: Final = (
    TrainingTarget(NEWS, OURS, TRAINER, {AVX2: 1.5, AVX512_BF16: 2.2}),
    TrainingTarget(SENTENCES, OURS, TRAINER, {AVX2: 3.0, AVX512_BF16: 3.5}),
    TrainingTarget(NEWS, OURS, KERAS, {AVX2: 2.4, AVX512_BF16: 1.3}),
    TrainingTarget(SENTENCES, OURS, KERAS, {AVX2: 15.0, AVX512_BF16: 6.5}),
    TrainingTarget(NEWS + SENTENCES, FASTER, HALF, {}),
)
# The least share of the layers' matrix rate in float32, where every text has 128 tokens; by class of processor.
SHARES: Final = {AVX2: 0.80, AVX512_BF16: 0.87}


def compare_with_targets(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the report with the result of each target that was measured.

    Beside the rounds' ratios stand two that a busy machine changes less: that of the best turns, and that of the
    processors' own time for a token.
    """
    rows = [row for name in report["turns"] for row in target_results(report, name)]
    shares = [share_result(report, name) for name in report["turns"] if report["products_tflops"].get(name)]
    return report | {"targets": rows, "shares": shares}


def share_result(report: Mapping[str, Any], data: str) -> dict[str, Any]:
    """Returns the share of the layers' products in what the processor could multiply meanwhile."""
    work, products = report["work"][data], report["products_tflops"][data]
    speed = statistics.median(rates(report, data)[OURS]) * work["layers_mflop_a_token"] / 1e6
    bound = SHARES.get(aims_class(report["environment"]["processor"]["class"])) if data in NEWS else None
    return {
        "data": data,
        "tflops": speed,
        "products_tflops": products,
        "share": speed / products,
        "bound": bound,
        "met": None if bound is None else speed / products >= bound,
    }


def target_results(report: Mapping[str, Any], data: str) -> Iterator[dict[str, Any]]:
    by_time, by_cpu = (rates(report, data, clock) for clock in ("seconds", "cpu_seconds"))
    faster = max(OURS, AUTO, key=lambda name: statistics.median(by_time[name]))
    by_time[FASTER], by_cpu[FASTER] = by_time[faster], by_cpu[faster]
    environment = report["environment"]
    # On a GPU the processor decides nothing.
    processor = None if environment.get("gpu") else aims_class(environment["processor"]["class"])
    for target in TARGETS:
        if data in target.data and target.theirs in by_time:
            theirs = by_time[target.theirs]
            ratios = [
                our_seconds / their_seconds
                for our_seconds, their_seconds in zip(by_time[target.ours], theirs, strict=True)
            ]
            bound = target.bounds.get(processor) if processor else None
            yield {
                "data": data,
                "ours": target.ours,
                "theirs": target.theirs,
                "bound": bound,
                "ratio": spread(ratios),
                "best": max(by_time[target.ours]) / max(theirs),
                "by_cpu": statistics.median(by_cpu[target.ours]) / statistics.median(by_cpu[target.theirs]),
                "met": None if bound is None else statistics.median(ratios) >= bound,
            }


def rates(report: Mapping[str, Any], data: str, clock: str = "seconds") -> dict[str, list[float]]:
    """Returns the tokens a second of each contender, by rounds; or a second of a processor's work."""
    return {name: [turn["tokens"] / turn[clock] for turn in turns] for name, turns in report["turns"][data].items()}


def print_report(report: Mapping[str, Any]) -> None:
    for data in report["turns"]:
        print_rates(report, data)
    print_table(
        ("ratio of tokens/s", "of", "to", "median", "lowest", "highest", "of the best", "by CPU time", "aim", ""),
        [
            (
                row["data"],
                row["ours"],
                row["theirs"],
                *(f"{row['ratio'][name]:.2f}" for name in ("median", "lowest", "highest")),
                f"{row['best']:.2f}",
                f"{row['by_cpu']:.2f}",
                "" if row["bound"] is None else f"at least {row['bound']:g}",
                "missed" if row["met"] is False else "",
            )
            for row in report["targets"]
        ],
    )
    if report["shares"]:
        print_shares(report["shares"])
    if "accuracy" in report:
        print_accuracy(report["accuracy"])


def print_shares(shares: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        ("TFLOP/s of the layers, float32", OURS, "products alone", "share", "aim", ""),
        [
            (
                row["data"],
                *(f"{row[name]:.3f}" for name in ("tflops", "products_tflops")),
                f"{row['share']:.1%}",
                "" if row["bound"] is None else f"at least {row['bound']:.0%}",
                "missed" if row["met"] is False else "",
            )
            for row in shares
        ],
    )


def print_rates(report: Mapping[str, Any], data: str) -> None:
    work, peak = report["work"][data], report["peak_tflops"]
    rows = []
    for name, values in rates(report, data).items():
        turns = report["turns"][data][name]
        steps = sum(turn["steps"] for turn in turns)
        step, cpu_seconds = (sum(turn[clock] for turn in turns) / steps for clock in ("seconds", "cpu_seconds"))
        speeds = spread(values)
        speed = speeds["median"] * work["mflop_a_token"] / 1e6
        rows.append(
            (
                name,
                *(f"{speeds[part]:.0f}" for part in ("median", "lowest", "highest")),
                f"{1000 * step:.0f}",
                f"{1000 * cpu_seconds:.0f}",
                f"{speed:.3f}" if speed < 1 else f"{speed:.1f}",
                f"{speed / peak:.1%}" if peak else "",
            )
        )
    title = f"{data}, tokens/s at {work['batch_size']} texts of {work['mean_length']:.0f}"
    print_table(
        (title, "median", "lowest", "highest", "step, ms", "CPU, ms", "TFLOP/s", "of peak" if peak else ""), rows
    )


def print_accuracy(accuracy: Mapping[str, Any]) -> None:
    def cells(name: str, points: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
        best = max((point["accuracy"] for point in points), default=0.0)
        if best < accuracy["wanted"]:
            return name, "missed", "", f"{best:.1%}"
        return name, f"{points[-1]['seconds']:.0f}", f"{points[-1]['step']}", f"{best:.1%}"

    print_table(
        (f"{accuracy['data']}, to {accuracy['wanted']:.0%} of dev", "s", "steps", "reached"),
        [cells(name, points) for name, points in accuracy["curves"].items()],
    )
