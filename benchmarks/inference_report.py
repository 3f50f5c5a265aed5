"""The report of inference.py: ratios compared with the aims of the processor's class, and tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from processor import AVX2, AVX512_BF16, aims_class

__all__ = ["compare_with_targets", "print_report", "spread"]

OURS, HALF, EIGHT = "tfapp float32", "tfapp bfloat16", "tfapp int8"
ORT: Final = "ONNX Runtime float32"
ORT_DIRECT: Final = "ONNX Runtime float32, in process"


@dataclass(frozen=True)
class InferenceTarget:
    """A ratio, and what it is to reach.

    Attributes:
        measure: What it is.
        ours: Our contenders, of which the best counts.
        theirs: The contenders that it is compared with; the best counts.
        place: The keys by which the report has their rounds.
        bounds: By class of processor, the least ratio ours / theirs; of latencies the greatest.
        latency: Whether less is better.
        same_labels: The least share of our float32 labels that a contender of theirs must keep.
    """

    measure: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    place: tuple[str, ...]
    bounds: Mapping[str, float] = field(default_factory=dict)
    latency: bool = False
    same_labels: float = 0.0


def _names(precisions: Sequence[str], modes: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the peers with some precisions and ways to be asked."""
    engines = ("ONNX Runtime", "OpenVINO", "CTranslate2", "PyTorch")
    return tuple(f"{engine} {precision}{mode}" for engine in engines for precision in precisions for mode in modes)


def _aims(avx2: float, avx512_bf16: float) -> dict[str, float]:
    return {AVX2: avx2, AVX512_BF16: avx512_bf16}


_ARRIVAL: Final = ("", ", two at once", ", compiled")
MIX: Final = ("streams", "mix")
FOUR, MANY, FEW = (
    ("served", name) for name in ("4 callers of 32 texts", "32 callers of 1 text", "4 callers of 1 text")
)
TARGETS: Final = (
    InferenceTarget("mix, in process", (OURS,), (ORT,), MIX, _aims(2.4, 3.3)),
    InferenceTarget("mix, in process", (HALF,), (ORT,), MIX),
    InferenceTarget(
        "mix, to the fastest peer", (OURS,), _names(("float32", "bfloat16"), _ARRIVAL), MIX, _aims(2.0, 2.5)
    ),
    InferenceTarget(
        "mix, best precision to the fastest int8 peer that keeps 98.5 % of the labels",
        (OURS, HALF, EIGHT),
        _names(("int8",), _ARRIVAL),
        MIX,
        _aims(1.5, 2.5),
        same_labels=0.985,
    ),
    InferenceTarget(
        "mix, best precision to the fastest int8 peer, whatever it keeps",
        (OURS, HALF, EIGHT),
        _names(("int8",), _ARRIVAL),
        MIX,
    ),
    InferenceTarget(
        "mix, to the fastest peer fed with sorted texts",
        (OURS,),
        _names(("float32",), (", sorted",)),
        MIX,
        _aims(1.15, 1.9),
    ),
    InferenceTarget("mix, in process", (OURS,), ("KerasHub to 128",), MIX),
    InferenceTarget("one short text, in process", (OURS,), (ORT,), ("one_text_ms",), _aims(1.2, 1.15), latency=True),
    InferenceTarget("one short text, in process", (HALF,), (ORT,), ("one_text_ms",), latency=True),
    InferenceTarget(
        "first 256 texts of a process, seconds",
        ("first",),
        ("once warm",),
        ("first_texts",),
        _aims(2.0, 2.0),
        latency=True,
    ),
    *(
        InferenceTarget(
            f"p99 of a server's requests of {texts}",
            ("first thousand",),
            ("tenth thousand",),
            ("first_requests", texts),
            _aims(1.2, 1.2),
            latency=True,
        )
        for texts in ("1 text", "32 texts")
    ),
    InferenceTarget("mix, 4 callers of one text, whole path", (OURS,), (ORT_DIRECT,), FEW, _aims(0.9, 1.0)),
    InferenceTarget("mix, 4 callers of 32 texts, whole path", (OURS,), (ORT_DIRECT,), FOUR, _aims(2.2, 3.4)),
    InferenceTarget("mix, 4 callers of 32 texts, whole path", (HALF,), (ORT_DIRECT,), FOUR, {AVX512_BF16: 5.4}),
    InferenceTarget("mix, 32 callers of one text, whole path", (OURS,), (ORT_DIRECT,), MANY, _aims(1.5, 2.3)),
    InferenceTarget("mix, 32 callers of one text, whole path", (HALF,), (ORT_DIRECT,), MANY, {AVX512_BF16: 3.2}),
    InferenceTarget("share of the matrix-product rate, mix", (OURS,), ("products",), ("rate", "float32")),
    InferenceTarget(
        "share of the matrix-product rate, texts of 128 tokens",
        (OURS,),
        ("products",),
        ("rate", "float32, 128 tokens"),
        _aims(0.80, 0.85),
    ),
    InferenceTarget(
        "share of the matrix-product rate, texts of 512 tokens",
        (OURS,),
        ("products",),
        ("rate", "float32, 512 tokens"),
        _aims(0.65, 0.65),
    ),
    InferenceTarget("share of the matrix-product rate, mix", (HALF,), ("products",), ("rate", "bfloat16")),
)
# Megabytes that a server may take with one model, and grow after its first requests.
MEMORY_MB: Final = 1000.0
GROWTH_MB: Final = 10.0
SETTLED: Final = 10_000


def compare_with_targets(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the report with each ratio that was measured, beside the aim of the processor's class if it has one."""
    rows = [row for target in TARGETS if (row := target_result(target, report)) is not None]
    return report | {"targets": rows, "memory_met": is_memory_met(report["memory"])}


def target_result(target: InferenceTarget, report: Mapping[str, Any]) -> dict[str, Any] | None:
    rounds: Any = report
    for name in target.place:
        rounds = rounds.get(name, {})
    ours = _best([name for name in target.ours if name in rounds], rounds, latency=target.latency)
    agreement = report["agreement"]
    names = [
        name
        for name in target.theirs
        if name in rounds and (name not in agreement or agreement[name]["same_label"] >= target.same_labels)
    ]
    theirs = _best(names, rounds, latency=target.latency)
    if ours is None or not any(name in rounds for name in target.theirs):
        return None
    ratios = [mine / other for mine, other in zip(rounds[ours], rounds[theirs], strict=True)] if theirs else None
    bound = target.bounds.get(aims_class(report["environment"]["processor"]["class"]))
    is_met = None
    if ratios is not None and bound is not None:
        median = statistics.median(ratios)
        is_met = median <= bound if target.latency else median >= bound
    return {
        "measure": target.measure,
        "ours": ours,
        "theirs": theirs or "none",
        "ratio": spread(ratios) if ratios is not None else None,
        "bound": bound,
        "latency": target.latency,
        "met": is_met,
    }


def _best(names: Sequence[str], rounds: Mapping[str, Sequence[float]], *, latency: bool) -> str | None:
    """Returns the contender with the best median; None where there is none."""
    best = min if latency else max
    return best(names, key=lambda name: statistics.median(rounds[name])) if names else None


def is_memory_met(points: Sequence[tuple[int, float]]) -> bool | None:
    """Returns whether the server's memory stayed below its bounds; None where there were too few requests to say."""
    samples = [memory for requests, memory in points if requests >= SETTLED]
    if len(samples) < 2:
        return None
    return max(samples) < MEMORY_MB and samples[-1] - samples[0] < GROWTH_MB


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def print_report(report: Mapping[str, Any]) -> None:
    processor = report["environment"]["processor"]
    print(f"processor: {processor['class']} ({processor['name']}); output layer: {report['head']}\n")
    streams = list(report["streams"])
    print_table(
        ("texts/s in process, requests of 32", *streams, "one text, ms", "same labels"),
        [
            (
                name,
                *(f"{statistics.median(report['streams'][stream][name]):.0f}" for stream in streams),
                f"{statistics.median(report['one_text_ms'][name]):.2f}" if name in report["one_text_ms"] else "",
                f"{100 * report['agreement'][name]['same_label']:.1f} %",
            )
            for name in report["streams"][streams[0]]
        ]
        + [(name, *("" for _ in streams), "", f"cannot run: {why}") for name, why in report["unavailable"].items()],
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
    rows = []
    for title, rounds in rate.items():
        ours = next(name for name in rounds if name.startswith("tfapp"))
        rows.append((title, *(f"{statistics.median(rounds[name]):.0f}" for name in (ours, "products"))))
    print_table(("GFLOP/s", "in the graph", "products alone"), rows)


def _print_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        ("ratio", "of", "to", "median", "lowest", "highest", "aim", ""),
        [
            (
                row["measure"],
                row["ours"],
                row["theirs"],
                *(f"{row['ratio'][name]:.2f}" if row["ratio"] else "" for name in ("median", "lowest", "highest")),
                "" if row["bound"] is None else f"{'at most' if row['latency'] else 'at least'} {row['bound']:g}",
                "missed" if row["met"] is False else "",
            )
            for row in targets
        ],
    )


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
