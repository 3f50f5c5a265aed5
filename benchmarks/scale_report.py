"""The report of scale.py: a table of each part, and a sentence that says how its curve goes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from inference_report import print_table, spread
from scale_data import STAGES

__all__ = ["LIMIT_MB", "middle", "print_report"]

# What a million rows of 200 characters may take.
LIMIT_MB: Final = 2000.0

Point = Mapping[str, Any]


def print_report(report: Mapping[str, Any]) -> None:
    for part, (header, cells, sentence) in PARTS.items():
        if part in report:
            points = report[part]["points"]
            print_table(header, [(f"{point['at']:,}", *cells(point)) for point in points])
            print(f"{sentence(report[part])}\n")


def middle(point: Point, name: str) -> float:
    """Returns the median of a figure's rounds."""
    return float(statistics.median(point[name]))


def request_cells(point: Point) -> tuple[str, ...]:
    return (*_rounds(point, "texts_per_second"), f"{middle(point, 'ms'):.4g}", f"{point['peak_mb']:.0f}")


def requests_sentence(part: Mapping[str, Any]) -> str:
    first, last = _ends(part)
    return (
        f"{first['at']} to {last['at']} texts a request: "
        f"{_ratio(last['texts_per_second'], first['texts_per_second'])} times the texts/s; the loaded model's "
        f"{part['loaded_mb']:.0f} MB grow by {_growth(part):.0f} MB, {_last_step(part)}."
    )


def length_cells(point: Point) -> tuple[str, ...]:
    return (
        *_rounds(point, "texts_per_second"),
        f"{middle(point, 'tokens_per_second'):.0f}",
        f"{point['peak_mb']:.0f}",
    )


def lengths_sentence(part: Mapping[str, Any]) -> str:
    first, last = _ends(part)
    best = max(part["points"], key=lambda point: middle(point, "tokens_per_second"))
    return (
        f"{first['at']} to {last['at']} tokens a text: {_ratio(last['tokens_per_second'], first['tokens_per_second'])} "
        f"of the tokens/s, which are most at {best['at']}; the loaded model's {part['loaded_mb']:.0f} MB grow by "
        f"{_growth(part):.0f} MB."
    )


def class_cells(point: Point) -> tuple[str, ...]:
    return (*_rounds(point, "texts_per_second"), f"{point['export_mb']:.2f}")


def classes_sentence(part: Mapping[str, Any]) -> str:
    first, last = _ends(part)
    return (
        f"{first['at']} to {last['at']} classes: {_ratio(last['texts_per_second'], first['texts_per_second'])} "
        f"of the texts/s, {1e3 * (last['export_mb'] - first['export_mb']):.0f} kB more to export."
    )


def data_cells(point: Point) -> tuple[str, ...]:
    memory = point["memory"]
    return (
        *(f"{point['seconds'][stage]:.2f}" for stage in STAGES),
        f"{point['all_seconds']:.2f}",
        f"{memory['imports']:.0f}",
        f"{memory['model']:.0f}",
        f"{memory['peak']:.0f}",
    )


def data_sentence(part: Mapping[str, Any]) -> str:
    steps = [
        f"{start['at']:,} to {end['at']:,} rows: time grows {end['all_seconds'] / start['all_seconds']:.1f} "
        f"times, memory by {end['memory']['peak'] - start['memory']['peak']:.0f} MB"
        for start, end in pairwise(part["points"])
    ]
    last = part["points"][-1]
    highest = max(last["peaks"], key=last["peaks"].__getitem__)
    headroom = LIMIT_MB - last["memory"]["peak"]
    return "\n".join(
        [
            *steps,
            f"{last['at']:,} rows: {last['memory']['peak']:.0f} MB at most ({highest}), of which "
            f"{last['memory']['model']:.0f} before the first row; {abs(headroom):.0f} MB "
            f"{'under' if headroom >= 0 else 'over'} {LIMIT_MB:.0f}.",
        ]
    )


def model_cells(point: Point) -> tuple[str, ...]:
    return (
        f"{point['start_seconds']:.1f}",
        f"{point['loaded_mb']:.0f}",
        f"{point['memory_mb']:.0f}",
        *_rounds(point, "texts_per_second"),
        _ratio(point["texts_per_second"], point["of_one_per_second"]),
    )


def models_sentence(part: Mapping[str, Any]) -> str:
    first, last = _ends(part)
    added_models = max(last["at"] - first["at"], 1)
    megabytes, seconds = ((last[name] - first[name]) / added_models for name in ("memory_mb", "start_seconds"))
    return (
        f"{first['at']} to {last['at']} models: each further one takes {megabytes:.0f} MB and {seconds:.2f} s of the "
        f"start; {last['at']} answer {_ratio(last['texts_per_second'], last['of_one_per_second'])} of the texts/s "
        "of one."
    )


def _ends(part: Mapping[str, Any]) -> tuple[Point, Point]:
    return part["points"][0], part["points"][-1]


def _growth(part: Mapping[str, Any]) -> float:
    """Returns the megabytes from the loaded model to the highest peak."""
    return float(max(point["peak_mb"] for point in part["points"]) - part["loaded_mb"])


def _last_step(part: Mapping[str, Any]) -> str:
    *_, start, end = part["points"]
    growth = end["peak_mb"] - start["peak_mb"]
    return f"from {start['at']} to {end['at']} texts by {growth:.0f} MB"


def _rounds(point: Point, name: str) -> tuple[str, ...]:
    """Returns median, lowest and highest of the rounds."""
    return tuple(f"{value:.0f}" for value in spread(point[name]).values())


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Returns the median ratio of a round, with the lowest and the highest."""
    ratio = spread([our_seconds / their_seconds for our_seconds, their_seconds in zip(ours, theirs, strict=True)])
    return f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"


_SPREAD: Final = ("texts/s", "lowest", "highest")
MakeRow = Callable[[Point], tuple[str, ...]]
Sentence = Callable[[Mapping[str, Any]], str]
PARTS: Final[Mapping[str, tuple[tuple[str, ...], MakeRow, Sentence]]] = {
    "requests": (("texts a request", *_SPREAD, "ms", "peak MB"), request_cells, requests_sentence),
    "lengths": (("tokens a text", *_SPREAD, "tokens/s", "peak MB"), length_cells, lengths_sentence),
    "classes": (("classes", *_SPREAD, "export MB"), class_cells, classes_sentence),
    "data": (
        ("rows: seconds to", *STAGES, "all", "MB: imports", "model", "peak"),
        data_cells,
        data_sentence,
    ),
    "models": (
        ("models in a server", "start s", "loaded MB", "used MB", *_SPREAD, "of a server of one"),
        model_cells,
        models_sentence,
    ),
}
