"""The report of a soak: its aims, what was measured, and how both are printed."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from soak_callers import DEFECT

__all__ = ["ATTACK", "ATTACKERS", "QUIET", "WARM_UP", "Aim", "aims", "failures", "phase_line", "print_report"]

QUIET: Final = "quiet"
ATTACK: Final = "attack"
# A short attack before all else: a process keeps what it has taken once.
WARM_UP: Final = "warm-up"
ATTACKERS: Final = ("bad", "slow", "huge")
# How many times the quiet 99th percentile may be under attack.
MOST_TIMES: Final = 3.0
# What a process takes more in the last quiet phase than in an earlier one.
MOST_GROWTH: Final = 10.0
MOST_DESCRIPTORS: Final = 16
# Megabytes that it takes more at any time of an attack than in the quiet phase before all of them.
MOST_PEAK: Final = 1500.0


@dataclass(frozen=True)
class Aim:
    """An aim: a figure that may be so much at most.

    Attributes:
        name: What it is.
        found: How much it was; None: the soak was too short to say.
        most: How much it may be.
        unit: Stands behind both.
        timing: Whether it depends on the machine and on what else that does.
    """

    name: str
    found: float | None
    most: float
    unit: str = ""
    timing: bool = False

    @property
    def is_met(self) -> bool | None:
        """Returns whether it was no more; None where it was not measured."""
        return None if self.found is None else self.found <= self.most

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: "not measured"}[self.is_met]
        value = "" if self.found is None else f" {round(self.found, 2):.10g}{self.unit}"
        return f"{verdict:<14}{self.name}:{value} (aim: at most {self.most:g}{self.unit})"


def aims(phases: Sequence[Mapping[str, Any]], failed_changes: Collection[str]) -> list[Aim]:
    """Compares what was measured with the aims."""
    calm = [phase for phase in phases if phase["kind"] == QUIET]
    # The first quiet phase is after the warm-up, so that all kinds of callers have been there once.
    growth = 100 * (calm[-1]["megabytes"] / calm[0]["megabytes"] - 1)
    peak = max(phase["most megabytes"] for phase in phases) - calm[0]["megabytes"]
    return [
        Aim("requests of good callers lost", sum(phase["lost"] for phase in phases), 0),
        Aim("requests of good callers answered wrongly", sum(phase["wrong"] for phase in phases), 0),
        Aim("wrong requests that ran into a defect", _attackers(phases, "bad")[DEFECT], 0),
        Aim("changes that took no effect", len(failed_changes), 0),
        Aim("growth of memory from the first quiet phase to the last", growth, MOST_GROWTH, " %"),
        Aim("memory at its highest beyond the first quiet phase", peak, MOST_PEAK, " MB"),
        Aim("more descriptors at the end", calm[-1]["descriptors"] - calm[0]["descriptors"], MOST_DESCRIPTORS),
        Aim(
            "99th percentile under attack", p99(phases, ATTACK) / p99(phases, QUIET), MOST_TIMES, " times", timing=True
        ),
    ]


def failures(results: Sequence[Aim], *, strict: bool) -> list[str]:
    """Returns the aims that were missed, those that depend on the machine only if it is strict."""
    return [aim.name for aim in results if aim.is_met is False and (strict or not aim.timing)]


def p99(phases: Sequence[Mapping[str, Any]], kind: str) -> float:
    """Returns the median of the phases' 99th percentiles, in milliseconds."""
    return statistics.median(phase["milliseconds"]["99"] for phase in phases if phase["kind"] == kind)


def phase_line(phase: Mapping[str, Any]) -> str:
    times = phase["milliseconds"]
    return (
        f"{phase['kind']:<8}{phase['seconds']:>6.0f} s{phase['requests']:>9} requests{phase['lost']:>5} lost"
        f"{phase['wrong']:>5} wrong{times['50']:>8.0f}{times['99']:>8.0f}{times['100']:>8.0f} ms"
        f"{phase['megabytes']:>8.0f} MB{phase['descriptors']:>6} descriptors"
    )


def print_report(report: Mapping[str, Any], results: Sequence[Aim]) -> None:
    phases = report["phases"]
    print("\nof good callers: median, 99th percentile and longest; of the server: memory and descriptors, at the end")
    for phase in phases:
        print(phase_line(phase))
        for reason in phase["reasons"]:
            print(f"    lost: {reason}")
    print("what attackers were answered:")
    for name in ATTACKERS:
        totals = sorted(_attackers(phases, name).items())
        print(f"    {name}: " + ", ".join(f"{answer} {count}" for answer, count in totals))
    print(", ".join(f"{name}: {count}" for name, count in report["changes"].items()))
    for problem in report["failed changes"]:
        print(f"    no effect: {problem}")
    print(f"99th percentile: {p99(phases, QUIET):.0f} ms quiet, {p99(phases, ATTACK):.0f} ms under attack")
    for aim in results:
        print(aim)


def _attackers(phases: Sequence[Mapping[str, Any]], name: str) -> Counter[str]:
    """Returns what one kind of attacker was answered in all phases."""
    totals: Counter[str] = Counter()
    for phase in phases:
        totals.update(phase["attackers"].get(name, {}))
    return totals
