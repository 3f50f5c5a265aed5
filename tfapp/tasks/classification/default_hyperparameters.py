"""Chooses how a classifier is read and trained, by its rows, its labels and the length of its texts.

What was measured: subsets of 200 and 1000 rows of SST-2, tweets, product reviews, movie reviews, BBC News and half of
Banking77's intents, by MiniLM, one or two seeds; `benchmarks/README.md` has the scores.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tfapp.assets.sentence_encoder import SentenceEncoder
from tfapp.config import DataSettings
from tfapp.core.wording import pluralize
from tfapp.data.label_names import common_spellings
from tfapp.data.labels import as_labels
from tfapp.data.proposals.head_candidate import head_candidate
from tfapp.data.proposals.proposal import WINDOW, Candidate, Proposal

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
# Contrast was better than the output layer alone on 200 rows of SST-2, and worse on 200 rows in 20 labels.
_MOST_CONTRAST: Final = 100
# Of ten imbalanced subsets, on frozen vectors: 2 points of macro F1 more in the mean, accuracy alike (+0.2). With
# higher powers the accuracy falls.
_IMBALANCE: Final = 3
_BALANCE: Final = 0.25


def choose_training(
    proposal: Proposal, counts: Sequence[int], settings: DataSettings, encoder: SentenceEncoder | None
) -> Proposal:
    """Adds how the model is read, and the ways to train it, to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        counts: The texts of each label, in the first rows of the file.
        settings: The shares of the splits.
        encoder: As in `TaskSpec.choose`.
    """
    labels = len(counts)
    model, notes = dict(proposal.model), list(proposal.notes)
    split_settings = {name: proposal.data[name] for name in ("dev", "test", "unknown_label") if name in proposal.data}
    settings = settings.model_copy(update=split_settings)
    rows = round(proposal.rows * settings.train_share)
    if encoder is None:
        # The frozen vectors of a plain BERT say little of a text, and its pooler was trained to be read.
        if "multi_label" in model or "window" in model or rows < _FEWEST_ROWS * labels:
            return replace(proposal, notes=(*notes, f"epochs: {proposal.training['epochs']}, more for fewer rows"))
        return replace(proposal, training={}, candidates=(_steps(rows, labels),))
    model["pooling"] = "mean"
    notes.append(encoder.pooling_note)
    why = f"BERT reads each text once; train has about {pluralize(round(rows / max(labels, 1)), 'text')} per label"
    head = head_candidate(proposal.rows, settings, why)
    # The first rows of a sorted file say nothing of how rare a label is.
    is_complete = sum(counts) >= 0.9 * proposal.rows
    if is_complete and "multi_label" not in model and max(counts) >= _IMBALANCE * min(counts):
        why = f"the most frequent label has {max(counts)} texts and the rarest {min(counts)}, so rare ones count more"
        head = replace(head, reason=f"{head.reason}; {why}", model={"class_balance": _BALANCE})
    if "multi_label" in model:
        steps = Candidate("all weights", "more epochs for fewer rows", training=proposal.training)
        candidates: tuple[Candidate, ...] = (head, steps)
    elif rows < _FEWEST_ROWS * labels or "window" in model:
        why = f"long texts, read in windows of {WINDOW} tokens, take long to fine-tune"
        head = replace(head, reason=f"{why}; {head.reason}") if "window" in model else head
        candidates = (head, replace(_steps(rows, labels), quality="best"), *_contrast(rows, labels))
    else:
        steps = _steps(rows, labels)
        candidates = (head, steps, _other_rate(steps, labels), *_contrast(rows, labels))
    return replace(proposal, model=model, training={}, notes=tuple(notes), candidates=candidates)


def count_labels(settings: DataSettings, columns: Mapping[str, Sequence[Any]]) -> list[int]:
    """Counts the texts of each label in the first rows of a file, by column; those of a rating are taken as even.

    Spellings are merged as the settings say; the unknown label is none.
    """
    if settings.rating:
        return [1] * (3 if settings.rating.neutral_within else 2)
    cells = columns.get(settings.label, ())
    counts = Counter(label for cell in cells for label in as_labels(cell, settings.label_separator) or ())
    unknown = () if settings.unknown_label is None else (settings.unknown_label,)
    spellings = common_spellings(counts, unknown) if settings.merge_labels else {}
    counts_by_spelling = Counter(spellings.get(label, label) for label in counts.elements())
    return [count for label, count in counts_by_spelling.items() if label not in unknown]


def _steps(rows: int, labels: int) -> Candidate:
    """Returns the candidate that trains all weights by steps."""
    has_many_labels = labels > _MANY_LABELS
    sharpness_aware = not has_many_labels and rows <= _MOST_SHARPNESS_AWARE
    steps = math.ceil(rows / _BATCH)
    budget = _STEPS_OF_MANY_LABELS if has_many_labels else _STEPS
    fewest = _SHARPNESS_AWARE_EPOCHS if sharpness_aware else _FEWEST_EPOCHS
    epochs = min(max(round(budget / max(steps, 1)), fewest), _MOST_EPOCHS)
    training = {
        "epochs": epochs,
        "batch_size": _BATCH,
        "learning_rate": 3e-4 if has_many_labels else 1e-4,
        "layer_decay": 0.9,
    }
    reason = (
        f"{pluralize(epochs, 'epoch')} of about {pluralize(steps, 'step')}, as train has about "
        f"{pluralize(rows // max(labels, 1), 'text')} for each of the {labels} labels seen; "
        + ("many labels need a high rate" if has_many_labels else "lower layers, which change least, learn more slowly")
    )
    if has_many_labels:
        training["word_dropout"] = 0.1
    if sharpness_aware:
        training["sam_rho"] = 0.05
        reason += "; sharpness-aware steps are better with few texts, and take twice the time"
    training["epoch_tolerance"] = 1.0
    reason += "; a later epoch is kept if dev cannot tell it from the best one"
    return Candidate("all weights", reason, training=training)


def _other_rate(steps: Candidate, labels: int) -> Candidate:
    """Returns the candidate that trains at twice the rate, or at half of it where there are many labels.

    Twice the rate was a point better on tweets; a lower one was as good with many labels on 1000 rows.
    """
    factor, name = (0.5, "half") if labels > _MANY_LABELS else (2, "twice")
    training = {**steps.training, "learning_rate": factor * steps.training["learning_rate"]}
    reason = "the best rate differs from data to data"
    return Candidate(f"all weights at {name} the rate", reason, "best", training=training)


def _contrast(rows: int, labels: int) -> tuple[Candidate, ...]:
    """Returns the candidate that trains by contrast, where texts are few enough."""
    if rows > _MOST_CONTRAST * labels:
        return ()
    training = {"method": "few-shot", "epochs": 5, "batch_size": _BATCH, "learning_rate": 1e-4}
    return (Candidate("contrast of labels", "few texts per label say more in pairs", "best", training=training),)
