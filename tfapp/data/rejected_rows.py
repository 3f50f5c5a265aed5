"""Rows of a file that could not be read or answered, set aside with the reason while the others are scored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfapp.core.files import replacing, write_text
from tfapp.data.part_store import PartStore, explain_errors

__all__ = ["RejectedRows"]


class RejectedRows:
    """The rows that are set aside, kept with the parts of the scored file and joined when it is finished.

    Those of a part are written before it, so that a part that is there has its own with it.

    Args:
        store: The parts.
        target: The file that they become, one JSON object a row; there is none without such rows.
    """

    def __init__(self, store: PartStore, target: Path) -> None:
        self._store = store
        self._target = target
        self._rows: list[dict[str, Any]] = []

    def add_line(self, line: int, reason: str) -> None:
        """Adds a row that could not be read, by its line in the file."""
        self._rows.append({"line": line, "reason": reason})

    def forget(self) -> None:
        """Forgets the rows of a part that is there already."""
        self._rows.clear()

    def write(self, part: int, rows: Mapping[int, str] | None = None) -> None:
        """Writes the rows of a part.

        Args:
            part: Its number.
            rows: Why each of these could be read, but not answered, by its number among those that could be read, from
                1; beside the lines that were added since the last part.
        """
        file = self._file(part)
        self._rows += [{"row": row, "reason": reason} for row, reason in (rows or {}).items()]
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows)
        with explain_errors(self._target):
            if self._rows:
                write_text(file, "".join(lines))
            else:
                file.unlink(missing_ok=True)
        self._rows.clear()

    def finish(self, parts: int) -> int:
        """Writes the target, rows behind the last part included; returns how many of all could be read."""
        self.write(parts)
        files = [file for file in map(self._file, range(parts + 1)) if file.exists()]
        with explain_errors(self._target):
            if not files:
                self._target.unlink(missing_ok=True)
                return 0
            count = 0
            with replacing(self._target) as draft, draft.open("w", encoding="utf-8") as stream:
                for file in files:
                    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
                    count += sum("row" in json.loads(line) for line in lines)
                    stream.writelines(lines)
            return count

    def _file(self, part: int) -> Path:
        return self._store.path(part).with_suffix(".rejected")
