"""The report of inference.py: ratios compared with their targets, and tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["compare_with_targets", "print_report", "spread"]

OURS, HALF, EIGHT = "tfapp float32", "tfapp bfloat16", "tfapp int8"
ORT, ORT_INT8 = "ONNX Runtime float32", "ONNX Runtime int8"
ORT_DIRECT: Final = "ONNX Runtime float32, in process"


@dataclass(frozen=True)
class InferenceTarget:
    """A ratio to reach.

    Attributes:
        measure: What it is.
        ours: Our contender.
        theirs: The contender that it is compared with.
        place: The keys by which the report has their rounds.
        bound: The least ratio ours / theirs; of latencies the greatest.
        latency: Whether less is better.
    """

    measure: str
    ours: str
    theirs: str
    place: tuple[str, ...]
    bound: float
    latency: bool = False


MIX: Final = ("streams", "mix")
FOUR, MANY = (("served", name) for name in ("4 callers of 32 texts", "32 callers of 1 text"))
TARGETS: Final = (
    InferenceTarget("mix, in process", OURS, ORT, MIX, 3.2),
    InferenceTarget("mix, in process", HALF, ORT, MIX, 5.0),
    InferenceTarget("mix, in process", HALF, ORT_INT8, MIX, 2.0),
    InferenceTarget("mix, in process", OURS, "KerasHub to 128", MIX, 8.0),
    InferenceTarget("mix, 4 callers of 32 texts, whole path", OURS, ORT_DIRECT, FOUR, 3.0),
    InferenceTarget("mix, 4 callers of 32 texts, whole path", HALF, ORT_DIRECT, FOUR, 4.5),
    InferenceTarget("mix, 32 callers of one text, whole path", OURS, ORT_DIRECT, MANY, 2.3),
    InferenceTarget("mix, 32 callers of one text, whole path", HALF, ORT_DIRECT, MANY, 3.2),
    InferenceTarget("one short text, in process", OURS, ORT, ("one_text_ms",), 1.3, latency=True),
    InferenceTarget("one short text, in process", HALF, ORT, ("one_text_ms",), 1.3, latency=True),
    InferenceTarget("share of the matrix-product rate", OURS, "products", ("rate", "float32"), 0.80),
    InferenceTarget("share of the matrix-product rate", HALF, "products", ("rate", "bfloat16"), 0.65),
)
# Megabytes that a server may take with one model, and grow after its first requests.
MEMORY_MB: Final = 1100.0
GROWTH_MB: Final = 10.0
SETTLED: Final = 10_000


def compare_with_targets(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the report with the result of each target that was measured."""
    rows = [row for target in TARGETS if (row := target_result(target, report)) is not None]
    return report | {"targets": rows, "memory_met": is_memory_met(report["memory"])}


def target_result(target: InferenceTarget, report: Mapping[str, Any]) -> dict[str, Any] | None:
    rounds: Any = report
    for name in target.place:
        rounds = rounds.get(name, {})
    if target.ours not in rounds or target.theirs not in rounds:
        return None
    ratios = [ours / theirs for ours, theirs in zip(rounds[target.ours], rounds[target.theirs], strict=True)]
    median = statistics.median(ratios)
    is_met = median <= target.bound if target.latency else median >= target.bound
    return {**asdict(target), "ratio": spread(ratios), "met": is_met}


def is_memory_met(points: Sequence[tuple[int, float]]) -> bool | None:
    """Returns whether the server's memory stayed below its bounds; None where there were too few requests to say."""
    samples = [memory for requests, memory in points if requests >= SETTLED]
    if len(samples) < 2:
        return None
    return max(samples) < MEMORY_MB and samples[-1] - samples[0] < GROWTH_MB


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def print_report(report: Mapping[str, Any]) -> None:
    streams = list(report["streams"])
    print_table(
        ("texts/s in process, requests of 32", *streams, "one text, ms", "same labels"),
        [
            (
                name,
                *(f"{statistics.median(report['streams'][stream][name]):.0f}" for stream in streams),
                f"{statistics.median(report['one_text_ms'][name]):.2f}" if name in report["one_text_ms"] else "",
                f"{100 * report['agreement'][name]['same_label']:.0f} %",
            )
            for name in report["streams"][streams[0]]
        ],
    )
    print_table(
        ("texts/s, whole path, mix", *(serving_rates := report["served"])),
        [
            (name, *(f"{statistics.median(serving_rates[traffic][name]):.0f}" for traffic in serving_rates))
            for name in next(iter(serving_rates.values()))
        ],
    )
    _print_products(report["rate"])
    _print_targets(report["targets"])
    points = report["memory"]
    samples = [point for point in points if point[0] >= SETTLED] or points
    print(
        f"server: {samples[0][1]:.0f} MB after {samples[0][0]} requests, {points[-1][1]:.0f} MB after {points[-1][0]}"
        f"{'' if report['memory_met'] in (True, None) else '  missed'}"
    )


def _print_products(rate: Mapping[str, Any]) -> None:
    print_table(
        ("GFLOP/s on the mix", "in the graph", "products alone"),
        [
            (precision, *(f"{statistics.median(values):.0f}" for values in rate[precision].values()))
            for precision in rate
            if precision != "gflop_a_text"
        ],
    )


def _print_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        ("ratio", "of", "to", "median", "lowest", "highest", "target", ""),
        [
            (
                row["measure"],
                row["ours"],
                row["theirs"],
                *(f"{row['ratio'][name]:.2f}" for name in ("median", "lowest", "highest")),
                f"{'at most' if row['latency'] else 'at least'} {row['bound']:g}",
                "" if row["met"] else "missed",
            )
            for row in targets
        ],
    )


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
