"""Keeps the answers of a run to its test rows, one by one, so that it can be compared with other runs."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfapp.core.files import replacing
from tfapp.evaluation import Evaluation
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text

__all__ = ["count_shared_rows", "with_answers", "write_answers"]

_TEXTS: Final = AnsweredRow._fields
_MEASURE: Final = "measure "
_KEY_BYTES: Final = 16
# What the file's schema has on record.
_ROWS: Final = b"rows"
_SQUARE_ROOT: Final = b"square_root"


def write_answers(file: Path, evaluation: Evaluation) -> None:
    """Writes the answers of an evaluation; where its task keeps none, those of an earlier one are removed.

    A row has its texts (cut to 300 characters), the truth, the answer, whether that is right, its terms in the main
    score, and a key by which rows of different files are found again.
    """
    answers = evaluation.answers
    if answers is None:
        file.unlink(missing_ok=True)
        return
    descriptions = [answers.describe(number) for number in range(len(answers))]
    columns = {
        "row": pa.array(answers.rows.tolist(), pa.int64()),
        "key": pa.array([_key(row) for row in descriptions], pa.binary(_KEY_BYTES)),
        **{name: pa.array([truncate_text(getattr(row, name)) for row in descriptions], pa.string()) for name in _TEXTS},
        "right": pa.array([None] * len(answers) if answers.right is None else answers.right.tolist(), pa.bool_()),
        "numerator": pa.array(answers.terms[:, 0], pa.float64()),
        "denominator": pa.array(answers.terms[:, 1], pa.float64()),
        **{f"{_MEASURE}{name}": pa.array(values, pa.float64()) for name, values in answers.measures.items()},
        "group": pa.array([None] * len(answers) if answers.groups is None else answers.groups.tolist(), pa.int64()),
    }
    metadata = {_ROWS: evaluation.rows_fingerprint.encode(), _SQUARE_ROOT: b"1" if answers.square_root else b""}
    with replacing(file) as draft:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), draft, compression="zstd")


def with_answers(file: Path, evaluation: Evaluation) -> Evaluation:
    """Returns an evaluation that was read from JSON, with its answers, where the file has those of its rows."""
    return replace(evaluation, answers=_read_answers(file, evaluation.rows_fingerprint))


def _read_answers(file: Path, rows_fingerprint: str) -> RowAnswers | None:
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid):
        return None
    metadata = table.schema.metadata or {}
    if not rows_fingerprint or metadata.get(_ROWS) != rows_fingerprint.encode():
        return None
    texts = [table[name].to_pylist() for name in _TEXTS]
    correct, groups = table["right"], table["group"]
    return RowAnswers(
        np.stack([table[name].to_numpy() for name in ("numerator", "denominator")], axis=1),
        lambda number: AnsweredRow(*(column[number] for column in texts)),
        table["row"].to_numpy(),
        np.array(correct.to_pylist(), bool) if not correct.null_count else None,
        np.array(groups.to_pylist(), np.int64) if not groups.null_count else None,
        square_root=bool(metadata.get(_SQUARE_ROOT)),
        measures={
            name.removeprefix(_MEASURE): table[name].to_numpy()
            for name in table.column_names
            if name.startswith(_MEASURE)
        },
    )


def count_shared_rows(first: Path, second: Path) -> int | None:
    """Returns how many rows of one file are in the other, too, of the same texts and truth; None: not known."""
    try:
        keys, others = (pq.read_table(file, columns=["key"])["key"].to_pylist() for file in (first, second))
    except (OSError, pa.ArrowInvalid):
        return None
    return len(set(keys) & set(others))


def _key(row: AnsweredRow) -> bytes:
    """Returns the key of a row, which does not depend on a model's answers."""
    return blake2b("\0".join((row.text, row.truth)).encode(), digest_size=_KEY_BYTES).digest()
