"""Describes a data file before anything is learnt from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfapp._old_names import SCHEMA_OF_TASK, refuse_old_arguments
from tfapp.config import DataSettings
from tfapp.core.progress import OnProgress
from tfapp.data import cleaning
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.labels import iter_column
from tfapp.data.notebook_tables import html_table
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import group_rows
from tfapp.data.schemas import Schema
from tfapp.data.sources import AssetCatalogue, Pull, Source, resolve
from tfapp.data.table_reader import read_table
from tfapp.data.targets import Target

__all__ = ["CountTokens", "Description", "LengthStats", "describe"]

CountTokens = Callable[[Sequence[str]], npt.NDArray[Any]]
"""Gives the tokens of each text, special tokens included: integers [texts]."""

_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class LengthStats:
    """Statistics of the lengths of texts.

    Attributes:
        mean: Mean length.
        median: Median length.
        p95: 95 % of the texts are at most this long.
        p99: 99 % of the texts are at most this long.
        max: The longest text's length.
        over_limit: Share of the texts that are longer than the limit; None where none was given.
    """

    mean: float
    median: float
    p95: float
    p99: float
    max: int
    over_limit: float | None = None

    @classmethod
    def of(cls, lengths: npt.NDArray[Any], limit: int | None = None) -> LengthStats:
        """Sums up lengths; integers [texts]."""
        if not len(lengths):
            return cls(0.0, 0.0, 0.0, 0.0, 0, None if limit is None else 0.0)
        median, p95, p99 = np.percentile(lengths, [50, 95, 99]).tolist()
        share = None if limit is None else float(np.mean(lengths > limit))
        return cls(float(np.mean(lengths)), median, p95, p99, int(np.max(lengths)), share)


@dataclass(frozen=True)
class Description:
    """A description of a data file's contents.

    Attributes:
        source: The file, folder or data set, as the user named it.
        rows: All rows.
        labels: Rows by label, sorted by label.
        characters: Lengths in Unicode code points.
        tokens: Lengths in tokens with [CLS] and [SEP]; None where no counter was given.
        max_length: The limit that `tokens.over_limit` is about.
        findings: Empty texts, missing labels, duplicates, conflicts and labels seen once; nothing was dropped yet.
    """

    source: str
    rows: int
    labels: Mapping[str, int]
    characters: LengthStats
    tokens: LengthStats | None
    max_length: int
    findings: tuple[Finding, ...]

    def count(self, kind: str) -> int:
        """Returns the rows with a kind of finding, as `Finding.kind` names it."""
        return sum(finding.count for finding in self.findings if finding.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Returns the description as JSON values."""
        shares = {label: {"rows": count, "share": count / max(self.rows, 1)} for label, count in self.labels.items()}
        return {
            "source": self.source,
            "rows": self.rows,
            "labels": shares,
            "characters": asdict(self.characters),
            "tokens": asdict(self.tokens) if self.tokens else None,
            "max_length": self.max_length,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def _repr_html_(self) -> str:
        labels = [[label, str(count), f"{count / max(self.rows, 1):.1%}"] for label, count in self.labels.items()]
        messages = [[finding.message] for finding in self.findings]
        table = html_table(["label", "rows", "share"], [*labels, ["all", str(self.rows), ""]])
        return table + (html_table(["finding"], messages) if messages else "")


@refuse_old_arguments(task=SCHEMA_OF_TASK)
def describe(
    source: str,
    settings: DataSettings | None = None,
    *,
    schema: Schema,
    count_tokens: CountTokens | None = None,
    max_length: int = 128,
    on_progress: OnProgress | None = None,
    pull: Pull | None = None,
    catalogue: AssetCatalogue | None = None,
    most_bytes: int | None = None,
) -> Description:
    """Describes one file, folder or data set as it is, before cleaning.

    Args:
        source: A path or a data set's name; `settings.train` is not looked at.
        settings: Column names and the like.
        schema: What its rows are.
        count_tokens: Counts a text's tokens; without it lengths are in characters alone.
        max_length: The limit in tokens to compare with.
        on_progress: Is told the rows read.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.
        catalogue: The data sets; tfapp's own by default.
        most_bytes: Bytes of texts that are described, about, from the first; None: all.

    Returns:
        The description.

    Raises:
        DataError: As `load` raises it for one file that cannot be read.
    """
    origin = resolve(source, settings or schema.settings(train=source), pull=pull, catalogue=catalogue)
    problems: list[Finding] = []
    # What would be refused or left out is described, too.
    options: dict[str, Any] = {"multi_label": _has_lists(origin), "repair": True, "most_bytes": most_bytes}
    table = read_table(origin, schema=schema, on_progress=on_progress, findings=problems, **options)
    texts = [table[name] for name in schema.texts]
    characters = sum(pc.utf8_length(column).to_numpy() for column in texts)
    return Description(
        source=source,
        rows=table.num_rows,
        labels=schema.target.counts(table["label"]),
        characters=LengthStats.of(np.asarray(characters)),
        tokens=LengthStats.of(_token_counts(texts, count_tokens), max_length) if count_tokens else None,
        max_length=max_length,
        findings=(
            *problems,
            *_findings(
                Rows.of(source, table, schema.texts, schema.extra, origin.file_format.row_noun),
                schema.target,
                origin.settings,
            ),
        ),
    )


def _has_lists(source: Source) -> bool:
    """Returns whether the file's labels are lists, by the settings or the first labels themselves."""
    settings = source.settings
    if settings.label_separator or settings.rating or source.file_format.table != "nested":
        return bool(settings.label_separator)
    options = ReadOptions(encoding=settings.encoding, columns=[settings.label])
    blocks = source.file_format.read(source.path, options)
    values = (value for block in blocks for value in block.columns.get(settings.label, ()))
    return isinstance(next((value for value in values if value is not None), None), list)


def _token_counts(columns: Sequence[pa.ChunkedArray], count_tokens: CountTokens) -> npt.NDArray[Any]:
    """Returns tokens a row; its texts share one [CLS]."""
    totals = np.full(len(columns[0]), 1 - len(columns), np.int64)
    for column in columns:
        counts = [np.asarray(count_tokens(some)) for _, some in group_rows(iter_column(column), _BLOCK_ROWS) if some]
        totals += np.concatenate([np.zeros(0, np.int64), *counts])
    return totals


def _findings(rows: Rows, target: Target, settings: DataSettings) -> list[Finding]:
    lenient = settings.model_copy(
        update=dict.fromkeys(("on_empty_text", "on_missing_label", "on_single_label"), "drop")
    )
    _, variants = target.merge(rows, None, settings)
    rows, findings = cleaning.drop_unusable(rows, lenient)
    findings += variants
    rows, duplicates = cleaning.drop_duplicates(rows)
    findings += duplicates
    findings += target.thin({"train": rows}, lenient)
    findings += target.remarks(rows, settings)
    return [replace(finding, action="kept") for finding in findings]
