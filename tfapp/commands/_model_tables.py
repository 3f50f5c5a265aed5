"""How `tfapp models` shows models, changes and differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfapp import terminal

if TYPE_CHECKING:
    from tfapp.inventory import Difference, ModelFacts
    from tfapp.registry import Change, VersionFacts

__all__ = ["labels", "minute", "model_json", "print_change", "print_difference", "print_table", "score", "what"]


def model_json(model: ModelFacts) -> dict[str, Any]:
    """A model as JSON has it."""
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
        }
        for version in model.versions
    ]
    return {"name": model.name, "labels": dict(model.labels), "versions": versions}


def labels(model: ModelFacts) -> str:
    """A model's labels: "canary 3, stable 2"."""
    return ", ".join(f"{label} {version}" for label, version in sorted(model.labels.items()))


def score(version: VersionFacts) -> str:
    """A version's main metric."""
    return f"{version.score[0]} {version.score[1]:.4f}" if version.score else ""


def minute(time: str) -> str:
    """A time as ISO 8601 has it, in UTC, for people."""
    return time[:16].replace("T", " ")


def what(change: Change) -> str:
    """What a change moved."""
    if not change.label:
        return ", ".join(str(version) for version in change.versions)
    before, after = ("-" if version is None else version for version in (change.before, change.after))
    return f"{change.label} {before} → {after}"


def print_change(change: Change, *, json: bool) -> None:
    """Prints what was done to a label."""
    if json:
        terminal.print_json(change.to_dict())
        return
    if change.before == change.after:
        text = f"{change.model}: {change.label} is at version {change.after} already"
    elif change.after is None:
        text = f"{change.model}: {change.label} is gone, it was at version {change.before}"
    else:
        before = f", it was at {change.before}" if change.before is not None else ""
        text = f"{change.model}: {change.label} is at version {change.after}{before}"
    terminal.console().print(text, markup=False, soft_wrap=True)


def print_difference(difference: Difference, first: int, second: int) -> None:
    """Prints how two versions differ, a line a difference."""
    from rich.filesize import decimal

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


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_table(headings: tuple[str, ...], rows: list[list[str]]) -> None:
    """Prints a table of plain text."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    terminal.console().print(table)
