"""Chooses how a tagger reads words and how it is trained, by its texts and their spans.

What was measured: WNUT-17, whose dev split chose the rate, the epochs, layer decay and word dropout. For under 500
texts the settings are those of the example, which a file of 80 texts showed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tfapp.config import DataSettings
from tfapp.core.wording import pluralize
from tfapp.data.proposals.proposal import Proposal

__all__ = ["choose_tagging"]

_FEW_ROWS: Final = 500
_STEPS: Final = 1700
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 20
# Of WNUT-17's words 13 % are split, such as @names, and entity F1 is 5 points lower with them in parts.
_SPLIT_SHARE: Final = 0.1
# A part of a word as BERT's basic tokenizer has it, roughly.
_PARTS: Final = re.compile(r"\w+|[^\w\s]")


def choose_tagging(
    proposal: Proposal,
    texts: Sequence[str],
    spans: Sequence[Sequence[Mapping[str, Any]]],
    settings: DataSettings,
    *,
    words: bool,
) -> Proposal:
    """Adds how the model reads and is trained to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        texts: Texts of the file.
        spans: The entities of each, with `start` and `end` in characters.
        settings: The shares of the splits.
        words: Whether the file has one word a line, so that spaces stand around all words of the texts.
    """
    model, notes = dict(proposal.model), list(proposal.notes)
    split = _split_share(texts)
    if words and split >= _SPLIT_SHARE:
        model["words"] = "spaces"
        notes.append(
            f"words: spaces, as BERT would split {split:.0%} of the file's words, such as @names; what the model reads "
            "later must have spaces around punctuation, too (else set words to basic)"
        )
    entities = [
        text[span["start"] : span["end"]]
        for text, some in zip(texts, spans, strict=True)
        for span in some
        if isinstance(span["start"], int) and isinstance(span["end"], int)
    ]
    capitals = sum(entity != entity.lower() for entity in entities) / max(len(entities), 1)
    if capitals > 0.5 and _capital_share(texts) < capitals / 2:
        model["word_shapes"] = True
        notes.append(
            f"word_shapes: {capitals:.0%} of the spans have capitals, which a preset in lower case does not read"
        )
    training, reasons = _choose_steps(round(proposal.rows * settings.train_share), entities)
    return replace(proposal, model=model, training=training, notes=(*notes, *reasons))


def _choose_steps(rows: int, entities: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    has_few_rows = rows < _FEW_ROWS
    batch = 8 if has_few_rows else 16
    steps = math.ceil(rows / batch)
    epochs = min(max(round(_STEPS / max(steps, 1)), _FEWEST_EPOCHS), _MOST_EPOCHS)
    notes = [f"training: {pluralize(epochs, 'epoch')} of about {pluralize(steps, 'step')}"]
    if has_few_rows:
        return {"epochs": epochs, "batch_size": batch, "learning_rate": 1e-4, "head_learning_rate": 1e-3}, notes
    training = {"epochs": epochs, "batch_size": batch, "learning_rate": 2e-4, "layer_decay": 0.8}
    counts = Counter(entity.lower() for entity in entities)
    # The share of entities that will be new, too (Good 1953).
    single_share = sum(count == 1 for count in counts.values()) / max(len(entities), 1)
    if single_share > 0.5:
        training["word_dropout"] = 0.2
        notes.append(f"word_dropout: {single_share:.0%} of the spans come once, so most of those to find are new words")
    return training, notes


def _split_share(texts: Sequence[str]) -> float:
    words = [word for text in texts for word in text.split()]
    return sum(len(_PARTS.findall(word)) > 1 for word in words) / max(len(words), 1)


def _capital_share(texts: Sequence[str]) -> float:
    words = [word for text in texts for word in text.split()]
    return sum(word != word.lower() for word in words) / max(len(words), 1)
