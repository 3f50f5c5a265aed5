"""A split of the data, tokenized for a model: where data and models meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from tfapp_client.former_names import FormerNames

from tfapp.core.rows import row_line, to_rows
from tfapp.data.batches import TokenizedTexts
from tfapp.models import TaskModel
from tfapp.models.base import EncodedRows
from tfapp.models.word_dropout import drop_words

__all__ = ["TokenizedSplit", "epoch_split", "tokenize_split"]

_POSITION_COLUMNS = ("row", "file")
# Other random numbers than those of the epoch's order.
_DRAWS = 1


@dataclass(frozen=True)
class TokenizedSplit(FormerNames):
    """A split of the data, ready for the model.

    Attributes:
        texts: The examples, tokenized: the N rows, or more of them where the model reads rows in windows.
        targets: What is learnt of each example, as `TaskModel.encode` gives it, or a tuple of such arrays.
        columns: The data's columns by name: texts, `label` and what else the task has. N values each, unless the model
            makes rows of its own of them.
        inputs: The names of the columns that the model answers from.
        rows: int64, as many as the columns have values: the numbers of these in their file.
        positions: What leads back from examples to rows, as `TaskModel.encode` gives it; None where they are the same.
    """

    former_names: ClassVar[Mapping[str, str]] = {"places": "positions", "raw": "raw_texts"}

    texts: TokenizedTexts
    targets: Any
    columns: Mapping[str, Sequence[Any]]
    inputs: tuple[str, ...]
    rows: np.ndarray
    positions: Any = None

    @property
    def raw_texts(self) -> list[str]:
        """Returns each row's texts as they were read, as one, for the lists of mistakes."""
        return [row_line(row) for row in to_rows(self.columns, self.inputs)]


def tokenize_split(model: TaskModel, table: pa.Table) -> TokenizedSplit:
    """Tokenizes a table's texts and encodes its labels, by the model.

    Args:
        model: Gives the tokens' and the targets' form.
        table: The model's columns of texts, `label` and `row`.

    Raises:
        ModelError: A label is none of the model's.
    """
    columns = {name: table.column(name).to_pylist() for name in table.column_names if name not in _POSITION_COLUMNS}
    rows = EncodedRows(*model.encode(columns))
    texts = TokenizedTexts(rows.ids, rows.splits)
    return TokenizedSplit(texts, rows.targets, columns, model.inputs, table.column("row").to_numpy(), rows.positions)


def epoch_split(
    model: TaskModel, split: TokenizedSplit, *, seed: int, epoch: int, word_dropout: float = 0.0
) -> TokenizedSplit:
    """Returns the split that one epoch, counted from 0, learns from; the same arguments give the same.

    With `word_dropout` that share of word pieces is hidden, see `TrainingSettings`.
    """
    random = np.random.default_rng([seed, epoch, _DRAWS])
    ids, targets = model.resample(split.texts.ids, split.texts.splits, split.targets, random)
    if word_dropout:
        ids = drop_words(ids, model.preprocessor.vocabulary, word_dropout, random)
    return replace(split, texts=TokenizedTexts(ids, split.texts.splits), targets=targets)
