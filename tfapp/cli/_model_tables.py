"""Lays out the tables and lines of `tfapp models`: models, changes and differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from rich.filesize import decimal

from tfapp.core import terminal

if TYPE_CHECKING:
    from tfapp.registry import Change, VersionMetadata
    from tfapp.workflows.version_catalogue import CallerVersions, CatalogueEntry, Difference

__all__ = [
    "labels",
    "minute",
    "model_json",
    "moved_versions",
    "number",
    "print_callers",
    "print_change",
    "print_difference",
    "print_settled",
    "print_table",
    "print_unchecked",
    "print_warnings",
    "score",
]


_UNCHECKED: Final = "*"


def model_json(model: CatalogueEntry) -> dict[str, Any]:
    """Returns a model as JSON has it."""
    versions = [
        {
            "version": version.version,
            "labels": model.labels_of(version.version),
            "served": version.version in model.served,
            "path": str(version.path),
            "size": version.size,
            "exported": version.exported,
            "task": version.task,
            "metrics": version.metrics,
            "data": version.data,
            "checks_inputs": version.checks_inputs,
        }
        for version in model.versions
    ]
    summary = {"version": model.released.version, "labels": dict(model.labels), "callers": model.callers.to_dict()}
    return {"name": model.name, **summary, "versions": versions}


def labels(model: CatalogueEntry) -> str:
    """Returns a model's labels: "canary 3, stable 2"."""
    return ", ".join(f"{label} {version}" for label, version in sorted(model.labels.items()))


def score(version: VersionMetadata) -> str:
    """Returns a version's main metric."""
    return f"{version.score[0]} {version.score[1]:.4f}" if version.score else ""


def number(version: VersionMetadata) -> str:
    """Returns a version's number, with a mark where `print_unchecked` says more."""
    return f"{version.version}{'' if _is_safe(version) else _UNCHECKED}"


def minute(time: str) -> str:
    """Returns a time of ISO 8601, in UTC, for people."""
    return time[:16].replace("T", " ")


def moved_versions(change: Change) -> str:
    """Returns the versions or the label that a change moved."""
    if not change.label:
        return ", ".join(str(version) for version in change.versions)
    before, after = ("-" if version is None else version for version in (change.before, change.after))
    return f"{change.label} {before} → {after}"


def print_change(change: Change, callers: CallerVersions, *, json: bool) -> None:
    """Prints the change of a label, and which version callers get since."""
    if json:
        terminal.print_json({**change.to_dict(), "callers": callers.to_dict()})
        return
    if change.before == change.after:
        text = f"{change.model}: {change.label} is at version {change.after} already"
    elif change.after is None:
        text = f"{change.model}: {change.label} is removed, it was at version {change.before}"
    else:
        before = f", it was at {change.before}" if change.before is not None else ""
        text = f"{change.model}: {change.label} is at version {change.after}{before}"
    terminal.console().print(text, soft_wrap=True)
    print_callers(callers)


def print_settled(name: str, callers: CallerVersions, *, json: bool) -> None:
    """Prints that servers now load only the versions that labels name, and which version callers get."""
    if json:
        terminal.print_json({"model": name, "settled": True, "callers": callers.to_dict()})
        return
    text = f"{name}: servers now load only the versions that labels name"
    terminal.console().print(text, soft_wrap=True)
    print_callers(callers)


def print_warnings(models: Iterable[CatalogueEntry]) -> None:
    """Prints which callers get a version that no label names, although there is a `stable`."""
    for warning in filter(None, (model.callers.warning for model in models)):
        terminal.error_console().print(warning, soft_wrap=True)


def print_callers(callers: CallerVersions) -> None:
    """Prints in a line which version callers get, by label and without one; in another, why others are loaded."""
    answers = [f'{_version(version)} with label="{label}"' for label, version in callers.with_label.items()]
    why = f" ({callers.why})" if callers.why else ""
    text = ", ".join([*answers, f"{_version(callers.without_label)} without a label{why}"])
    terminal.console().print(f"callers get {text}", soft_wrap=True)
    if callers.remark:
        terminal.error_console().print(callers.remark, soft_wrap=True)


def _version(version: int | None) -> str:
    return "no answer" if version is None else f"version {version}"


def print_difference(difference: Difference, first: int, second: int) -> None:
    """Prints how two versions differ, a line a difference."""
    parts = {name: getattr(difference, name) for name in ("metrics", "data", "settings", "signatures")}
    rows = [
        [part, name, *(_value(value) for value in values)]
        for part, changes in parts.items()
        for name, values in changes.items()
    ]
    rows += [["labels", label, "yes", "no"] for label in difference.labels_removed]
    rows += [["labels", label, "no", "yes"] for label in difference.labels_added]
    rows.append(["size", "", *(decimal(size) for size in difference.size)])
    print_table(("part", "name", f"version {first}", f"version {second}"), rows)
    if difference.comparison:
        terminal.console().print(difference.comparison, markup=False, soft_wrap=True)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_table(headings: tuple[str, ...], rows: list[list[str]], *, names: bool = False) -> None:
    """Prints a table of plain text; `names` in the first column are never broken or cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False)
    if names:
        table.columns[0].no_wrap, table.columns[0].min_width = True, max((len(row[0]) for row in rows), default=0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    terminal.console().print(table)


def print_unchecked(models: Iterable[CatalogueEntry]) -> None:
    """Prints which versions crash TensorFlow Serving at requests of a wrong shape, and the way out."""
    reasons = {
        model.name: [str(version.version) for version in model.versions if not _is_safe(version)] for model in models
    }
    names = "; ".join(f"{name} {', '.join(numbers)}" for name, numbers in reasons.items() if numbers)
    if names:
        terminal.error_console().print(
            f"{_UNCHECKED} exported before graphs checked the shapes of their inputs: {names}. `tfapp serve` checks "
            "them instead; TensorFlow Serving ends at a request of a wrong shape until they are exported again",
            soft_wrap=True,
        )


def _is_safe(version: VersionMetadata) -> bool:
    # Nothing is known of what tfapp did not export.
    return version.checks_inputs is not False
