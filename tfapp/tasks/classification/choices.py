"""Chooses how a classifier is read and trained, by its rows, its labels and the length of its texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfapp import assets
from tfapp.config import DataSettings, ModelSettings
from tfapp.data.labels import as_labels
from tfapp.data.proposal import WINDOW, Proposal

__all__ = ["choose_training", "count_labels"]

# On MiniLM, fine-tuning was better than the output layer alone from 67 rows a label, and was not up to 19.
_FEWEST_ROWS = 40
_MANY_LABELS = 20
_BATCH = 32
_STEPS = 145
_STEPS_OF_MANY_LABELS = 2820
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 10


def choose_training(proposal: Proposal, labels: int, settings: DataSettings) -> Proposal:
    """Adds how the model is read and trained to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        labels: How many labels there are.
        settings: The shares of the splits.
    """
    model, notes = dict(proposal.model), list(proposal.notes)
    rows = round(proposal.rows * (1 - settings.dev_share - settings.test_share))
    few = rows < _FEWEST_ROWS * labels and labels <= _MANY_LABELS
    if "multi_label" in model or (few and "window" not in model):
        # Of 45 texts in 5 labels the output layer alone was not better; several labels a text are not measured.
        return replace(proposal, notes=(*notes, f"epochs: {proposal.training['epochs']}, more for fewer rows"))
    preset = assets.find(ModelSettings.model_fields["preset"].default, "preset")
    if preset and preset.sentence_encoder:
        model["pooling"] = "mean"
        notes.append(f"pooling: mean, as {preset.name} is a sentence encoder, trained to be read so")
    training, reason = _choose_steps(rows, labels, long="window" in model)
    return replace(proposal, model=model, training=training, notes=(*notes, reason))


def count_labels(settings: DataSettings, columns: Mapping[str, Sequence[Any]]) -> int:
    """Counts the labels in the first rows of a file, by column."""
    if settings.rating:
        return 3 if settings.rating.neutral_within else 2
    cells = columns.get(settings.label, ())
    return len({label for cell in cells for label in as_labels(cell, settings.label_separator) or ()})


def _choose_steps(rows: int, labels: int, *, long: bool) -> tuple[dict[str, Any], str]:
    """Chooses the section `training` for so many rows of train, and says why."""
    a_label = rows // max(labels, 1)
    if long or a_label < _FEWEST_ROWS:
        few = f"about {a_label} texts a label in train are few"
        why = f"long texts, read in windows of {WINDOW} tokens, take long to fine-tune" if long else few
        return {"adapt": "head"}, f"adapt: head, the output layer alone, as {why}; BERT reads each text once"
    many = labels > _MANY_LABELS
    steps = math.ceil(rows / _BATCH)
    budget = _STEPS_OF_MANY_LABELS if many else _STEPS
    epochs = min(max(round(budget / steps), _FEWEST_EPOCHS), _MOST_EPOCHS)
    training = {"epochs": epochs, "batch_size": _BATCH, "learning_rate": 3e-4 if many else 1e-4, "layer_decay": 0.9}
    reason = f"training: {epochs} epochs of about {steps} steps, as train has about {a_label} texts for each of the "
    if many:
        return training | {"word_dropout": 0.1}, f"{reason}{labels} labels seen; many labels need a high rate"
    return training, f"{reason}{labels} labels seen; lower layers, which change least, learn more slowly"
