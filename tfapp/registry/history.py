"""The history of labels and versions: who changed what and when, a line a change in a file beside the model config."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tfapp.core.files import write_text
from tfapp.errors import RegistryError

__all__ = ["EDIT", "Change", "append", "earlier", "labels_after", "read"]

# The action of a change that was found in the file: somebody made it by hand.
EDIT: Final = "edit"


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "?"
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True)
class Change:
    """A change to a label or to the versions that are served.

    Attributes:
        model: The model's name.
        action: "promote", "rollback", "unlabel", "load", "unload", "prune", "settle" (servers load what labels name
            since), or "edit": found in the file, made by hand.
        label: The label that moved; empty where none did.
        before: The version that it pointed at; None: it was not there.
        after: The version that it points at since; None: it is gone.
        versions: The versions that servers load since, or those that were pruned.
        note: Why, or under what circumstances.
        time: When, in UTC, as ISO 8601 has it.
        who: USER@HOST.
    """

    model: str
    action: str
    label: str = ""
    before: int | None = None
    after: int | None = None
    versions: tuple[int, ...] = ()
    note: str = ""
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    who: str = field(default_factory=_who)

    def to_dict(self) -> dict[str, Any]:
        """Returns the change as the file has it."""
        first = {"time": self.time, "who": self.who, "action": self.action, "model": self.model}
        move = {"label": self.label, "from": self.before, "to": self.after} if self.label else {}
        details = {"versions": list(self.versions), "note": self.note}
        return first | move | {name: value for name, value in details.items() if value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Change:
        """Makes a change from the values that `to_dict` returned."""
        values_as_text = {name: values[name] for name in ("model", "action", "time", "who")}
        versions = tuple(values.get("versions", ()))
        texts = {"label": values.get("label", ""), "note": values.get("note", "")}
        return cls(**values_as_text, **texts, before=values.get("from"), after=values.get("to"), versions=versions)


def read(file: Path) -> list[Change]:
    """Reads a history, oldest change first; none where there is no file.

    Raises:
        RegistryError: A line is damaged.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"{file}: the history cannot be read: {error}") from error
    changes = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            changes.append(Change.from_dict(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"{file}, line {number}: is no change in JSON; mend the line, or move the file aside to begin anew"
            ) from error
    return changes


def append(file: Path, changes: Sequence[Change]) -> None:
    """Adds changes, by rename: a reader never sees half a line."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    content = text if text.endswith("\n") or not text else f"{text}\n"
    lines = (json.dumps(change.to_dict(), ensure_ascii=False) + "\n" for change in changes)
    write_text(file, content + "".join(lines), shared=True)


def labels_after(changes: Iterable[Change], model: str) -> dict[str, int]:
    """Returns where a model's labels point after all changes."""
    last = {change.label: change.after for change in changes if change.model == model and change.label}
    return {label: version for label, version in last.items() if version is not None}


def earlier(changes: Iterable[Change], model: str, label: str) -> list[int]:
    """Returns the versions that a label can go back to, the nearest first.

    A rollback takes what it leaves off this list, so that a second one goes further back, and not forward again.
    """
    trail: list[int | None] = []
    for change in changes:
        if change.model != model or change.label != label:
            continue
        if not trail:
            trail.append(change.before)
        if change.action == "rollback" and change.after in trail:
            while trail[-1] != change.after:
                trail.pop()
        elif change.after != trail[-1]:
            trail.append(change.after)
    versions = [version for version in reversed(trail[:-1]) if version is not None and version != trail[-1]]
    return list(dict.fromkeys(versions))
