"""Counts the words of a file whose tags break their scheme."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfapp.data.findings import ROWS_SHOWN, Finding
from tfapp.data.readers.block import Block

__all__ = ["BadTagCount"]


class BadTagCount:
    """The words of a file whose tags break their scheme, counted while it is read."""

    def __init__(self, name: str, on_bad_tags: str) -> None:
        """Starts without bad tags.

        Args:
            name: The file, as the user named it.
            on_bad_tags: What becomes of their sentences: the setting `data.on_bad_tags`.
        """
        self._name = name
        self._dropped = on_bad_tags == "drop"
        self._count = 0
        self._first: list[tuple[int, str]] = []

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yields the blocks unchanged, and counts the bad tags in them."""
        for block in blocks:
            self._count += len(block.bad_tags)
            self._first += block.bad_tags[: ROWS_SHOWN - len(self._first)]
            yield block

    def findings(self) -> list[Finding]:
        """Returns the finding on the bad tags that were counted so far; an empty list where there were none."""
        if not self._count:
            return []
        lines = tuple(line for line, _ in self._first)
        ellipsis = ", ..." if self._count > len(lines) else ""
        numbers = f"line{'s' if self._count > 1 else ''} {', '.join(map(str, lines))}{ellipsis}"
        words = "1 word has a tag that breaks" if self._count == 1 else f"{self._count} words have tags that break"
        treatment = "their sentences are left out" if self._dropped else "read as conlleval reads them"
        message = f"{self._name}: {words} the scheme ({numbers}): {self._first[0][1]}; {treatment} (data.on_bad_tags)"
        return [Finding("bad_tag", self._count, lines, self._name, "dropped" if self._dropped else "repaired", message)]
