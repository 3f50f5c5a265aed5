"""The settings by which files with a word and its tag a line are read, and what is reported of tags that break them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tfapp.data.findings import Finding
from tfapp.data.readers.row_blocks import ProblemCount
from tfapp.data.readers.tag_schemes import TagScheme

__all__ = ["WordColumns"]


@dataclass(frozen=True)
class WordColumns:
    """The settings by which lines are read.

    Attributes:
        word: The column of the word, counted from 0; from the end where negative.
        tag: The column of the tag, likewise.
        scheme: The scheme of the tags; "auto": found out.
        on_bad_tags: What becomes of a sentence with tags that break the scheme: it is read as conlleval reads it
            ("repair"), left out ("drop"), or refused ("fail").
    """

    word: int = 0
    tag: int = -1
    scheme: Literal["auto"] | TagScheme = "auto"
    on_bad_tags: Literal["repair", "drop", "fail"] = "repair"

    def with_repair(self) -> WordColumns:
        """Returns the settings by which no sentence is left out or refused."""
        return replace(self, on_bad_tags="repair")

    def finding(self, name: str, bad_tags: ProblemCount) -> Finding:
        """Returns the finding on the tags of a file that break the scheme.

        Args:
            name: The file, as the user named it.
            bad_tags: At least one.
        """
        count, first = bad_tags.count, bad_tags.first
        lines = tuple(line for line, _ in first)
        numbers = f"line{'s' if count > 1 else ''} {', '.join(map(str, lines))}{', ...' if count > len(lines) else ''}"
        words = "1 word has a tag that breaks" if count == 1 else f"{count} words have tags that break"
        drops = self.on_bad_tags == "drop"
        treatment = "their sentences are left out" if drops else "read as conlleval reads them"
        message = f"{name}: {words} the scheme ({numbers}): {first[0][1]}; {treatment} (data.on_bad_tags)"
        return Finding("bad_tag", count, lines, name, "dropped" if drops else "repaired", message)
