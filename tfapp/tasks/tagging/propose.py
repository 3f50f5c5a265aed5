"""Proposes settings for a file of texts with spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.proposal import WINDOW, Proposal, make_proposal
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import ProblemCount
from tfapp.data.readers.word_columns import WordColumns
from tfapp.errors import DataError
from tfapp.tasks.tagging.default_hyperparameters import choose_tagging

__all__ = ["propose_tagging"]

_propose: Final = partial(
    make_proposal, "tagging", longest=WINDOW, longer="longer ones than {max_length} are read in windows"
)


def propose_tagging(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of words and tags, or of texts with lists of spans; None for any other.

    Raises:
        DataError: No word has a tag.
    """
    if sample.source.format == "conll":
        return _propose_words(sample)
    text, spans = sample.text_column, _span_column(sample.label_columns)
    if text is None or spans is None:
        return None
    notes = [f'texts: column "{text}", spans: column "{spans}"; columns: {sample.column_list}', *sample.notes]
    proposal = _propose(sample, sample.columns[text], notes, columns={"text": text, "label": spans})
    rows = zip(sample.columns[text], sample.columns[spans], strict=True)
    pairs = [(value, some) for value, some in rows if isinstance(value, str) and isinstance(some, list)]
    texts, entities = [value for value, _ in pairs], [some for _, some in pairs]
    return choose_tagging(proposal, texts, entities, sample.source.settings, words=False)


def _propose_words(sample: DataSample) -> Proposal:
    """Reads a file with a word and its tag a line whole, for its rows cannot be counted otherwise."""
    texts: list[str] = []
    spans: list[Sequence[Mapping[str, Any]]] = []
    bad_tags = ProblemCount()
    options = ReadOptions(encoding=sample.settings.get("encoding", "utf-8"))
    for block in bad_tags.watch(sample.source.file_format.read(sample.source.path, options)):
        texts += block.columns["text"]
        spans += block.columns["label"]
    types = dict.fromkeys(span["label"] for some in spans for span in some)
    if not types:
        raise DataError(f"{sample.source.name}: no word has a tag other than O; set data.tag_column in a settings file")
    notes = [f"words in the first column, tags in the last; types: {', '.join(sorted(types))}", *sample.notes]
    if bad_tags.count:
        notes.append(WordColumns().finding(sample.source.name, bad_tags).message)
    proposal = _propose(sample, texts, notes, rows=len(texts))
    return choose_tagging(proposal, texts, spans, sample.source.settings, words=True)


def _span_column(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """Returns the column of lists of objects with `start`, `end` and `label`; None where there is none."""
    for name, values in columns.items():
        items = [item for value in values if isinstance(value, list) for item in value]
        if items and all(isinstance(item, dict) and {"start", "end", "label"} <= item.keys() for item in items):
            return name
    return None
