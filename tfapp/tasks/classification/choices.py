"""Chooses how a classifier is read and trained, by its rows, its labels and the length of its texts.

What was measured: subsets of 200 and 1000 rows of SST-2, tweets, product reviews, movie reviews, BBC News and half of
Banking77's intents, by MiniLM, one or two seeds; `benchmarks/README.md` has the scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tfapp import assets
from tfapp.config import DataSettings, ModelSettings
from tfapp.data.labels import as_labels
from tfapp.data.proposal import WINDOW, Proposal

__all__ = ["choose_training", "count_labels"]

# On MiniLM, fine-tuning was better than the output layer alone from 67 rows a label, and was not up to 19.
_FEWEST_ROWS: Final = 40
_MANY_LABELS: Final = 20
_BATCH: Final = 32
_STEPS: Final = 145
_STEPS_OF_MANY_LABELS: Final = 2820
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 10
# Sharpness-aware steps gave 1 to 2 points on 1000 rows of SST-2 and of tweets, in twice the time.
_MOST_SHARPNESS_AWARE: Final = 8000
_SHARPNESS_AWARE_EPOCHS: Final = 5
# Fewer rows of dev carry no temperature, and are worth more to the output layer.
_FEWEST_DEV: Final = 100


def choose_training(proposal: Proposal, labels: int, settings: DataSettings) -> Proposal:
    """Adds how the model is read and trained to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        labels: How many labels there are.
        settings: The shares of the splits.
    """
    model, notes = dict(proposal.model), list(proposal.notes)
    preset = assets.find(ModelSettings.model_fields["preset"].default, "preset")
    encoder = preset is not None and preset.sentence_encoder
    rows = round(proposal.rows * (1 - settings.dev_share - settings.test_share))
    few = rows < _FEWEST_ROWS * labels
    if "multi_label" in model or (few and not encoder):
        # Several labels a text are not measured. The frozen vectors of a plain BERT say little of a text.
        return replace(proposal, notes=(*notes, f"epochs: {proposal.training['epochs']}, more for fewer rows"))
    if preset and encoder:
        model["pooling"] = "mean"
        notes.append(f"pooling: mean, as {preset.name} is a sentence encoder, trained to be read so")
    if few or "window" in model:
        training, reason = _choose_head(rows, labels, settings, long="window" in model)
    else:
        training, reason = _choose_steps(rows, labels)
    return replace(proposal, model=model, training=training, notes=(*notes, *reason))


def count_labels(settings: DataSettings, columns: Mapping[str, Sequence[Any]]) -> int:
    """Counts the labels in the first rows of a file, by column."""
    if settings.rating:
        return 3 if settings.rating.neutral_within else 2
    cells = columns.get(settings.label, ())
    return len({label for cell in cells for label in as_labels(cell, settings.label_separator) or ()})


def _choose_head(rows: int, labels: int, settings: DataSettings, *, long: bool) -> tuple[dict[str, Any], list[str]]:
    """Chooses the section `training` for the output layer alone, and says why."""
    few = f"about {rows // max(labels, 1)} texts a label in train are few"
    why = f"long texts, read in windows of {WINDOW} tokens, take long to fine-tune" if long else few
    notes = [f"adapt: head, the output layer alone, as {why}; BERT reads each text once"]
    dev = rows * settings.dev_share / (1 - settings.dev_share - settings.test_share)
    learns_dev = dev < _FEWEST_DEV and settings.unknown_label is None and (settings.test or settings.test_share)
    if not learns_dev:
        return {"adapt": "head"}, notes
    notes.append(
        f"head_penalty: cross-validation, as about {dev:.0f} texts of dev are too few to choose by; the output layer "
        "learns them too, after they were evaluated"
    )
    return {"adapt": "head", "head_penalty": "cross-validation"}, notes


def _choose_steps(rows: int, labels: int) -> tuple[dict[str, Any], list[str]]:
    """Chooses the section `training` for steps that change all weights, and says why."""
    many = labels > _MANY_LABELS
    sharpness_aware = not many and rows <= _MOST_SHARPNESS_AWARE
    steps = math.ceil(rows / _BATCH)
    budget = _STEPS_OF_MANY_LABELS if many else _STEPS
    fewest = _SHARPNESS_AWARE_EPOCHS if sharpness_aware else _FEWEST_EPOCHS
    epochs = min(max(round(budget / steps), fewest), _MOST_EPOCHS)
    training = {"epochs": epochs, "batch_size": _BATCH, "learning_rate": 3e-4 if many else 1e-4, "layer_decay": 0.9}
    notes = [
        f"training: {epochs} epochs of about {steps} steps, as train has about {rows // max(labels, 1)} texts for each "
        f"of the {labels} labels seen; "
        + ("many labels need a high rate" if many else "lower layers, which change least, learn more slowly")
    ]
    if many:
        training["word_dropout"] = 0.1
    if sharpness_aware:
        training["sam_rho"] = 0.05
        notes.append("sam_rho: sharpness-aware steps, better with few texts; without them it takes half the time")
    training["epoch_tolerance"] = 1.0
    notes.append("epoch_tolerance: a later epoch is kept if dev cannot tell it from the best one (a standard error)")
    return training, notes
