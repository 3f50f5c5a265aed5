"""Writes some of train's texts otherwise in each epoch, so that a model learns to read them as well."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tfapp.config import AugmentSettings
from tfapp.data.batches import TokenizedTexts
from tfapp.data.perturbations import Perturbation, make_perturbation
from tfapp.data.word_neighbours import find_neighbours
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["Augmentation"]

# Other random numbers than those of the epoch's order and of the words that are dropped.
_DRAWS: Final = 2


class Augmentation:
    """Changes texts of a split; which ones, and how, depends on the seed and the epoch alone.

    Args:
        model: Tokenizes the changed texts.
        split: What is learnt from, an example a row.
        settings: Which share, and how.
        seed: That of the training.

    Raises:
        TrainingError: The model makes other examples of the rows than one each.
    """

    def __init__(self, model: TaskModel, split: TokenizedSplit, settings: AugmentSettings, seed: int) -> None:
        self._columns = {name: split.columns[name] for name in model.inputs}
        if any(len(column) != len(split.texts) for column in self._columns.values()):
            raise TrainingError(
                "training.augment changes rows that are an example each, and this task's are not; set its share to 0"
            )
        self._settings = settings
        self._seed = seed
        # Texts that come once are of no use to other processes.
        self._model = copy.copy(model)
        self._model.preprocessor = copy.copy(model.preprocessor)
        self._model.preprocessor.shared = None
        self._perturbations = self._make_perturbations()

    def __call__(self, split: TokenizedSplit, epoch: int) -> TokenizedSplit:
        """Returns the split with other tokens for some of its rows; `epoch` is counted from 0."""
        random = np.random.default_rng([self._seed, epoch, _DRAWS])
        rows = np.flatnonzero(random.random(len(split.texts)) < self._settings.share)
        kinds = random.integers(len(self._perturbations), size=len(rows))
        perturbations = [self._perturbations[int(kind)] for kind in kinds]
        columns = {
            name: [perturb(texts[row], random) for row, perturb in zip(rows.tolist(), perturbations, strict=True)]
            for name, texts in self._columns.items()
        }
        return replace(split, texts=_with_rows(split.texts, rows, TokenizedTexts(*self._model.tokenize(columns))))

    def _make_perturbations(self) -> Sequence[Perturbation]:
        neighbours = None
        if "neighbours" in self._settings.kinds:
            neighbours = find_neighbours(
                (text for column in self._columns.values() for text in column), seed=self._seed
            )
        return [
            make_perturbation(kind, word_share=self._settings.word_share, neighbours=neighbours)
            for kind in self._settings.kinds
        ]


def _with_rows(texts: TokenizedTexts, rows: np.ndarray, others: TokenizedTexts) -> TokenizedTexts:
    """Returns the texts with others in some rows."""
    both = TokenizedTexts(
        np.concatenate([texts.ids, others.ids]), np.concatenate([texts.splits, texts.splits[-1] + others.splits[1:]])
    )
    order = np.arange(len(texts))
    order[rows] = len(texts) + np.arange(len(rows))
    return both.take(order)
