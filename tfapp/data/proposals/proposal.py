"""Settings that suit a data file, as `tfapp init` writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, get_args

import numpy as np

from tfapp.config import DataSettings
from tfapp.data.proposals.data_sample import DataSample

__all__ = ["QUALITIES", "WINDOW", "Candidate", "Proposal", "Quality", "make_proposal"]

Quality = Literal["fast", "good", "best"]
"""How much a training may take: the least that gives a usable model, what an expert would do, or all that may help."""

QUALITIES: Final[tuple[Quality, ...]] = get_args(Quality)

# English in WordPiece of 30522 pieces has a little over four characters a token; an ideograph is a token of its own.
_CHARACTERS_A_TOKEN = 4
_FIRST_IDEOGRAPH = "\u2e80"
_TEXTS_READ = 12_000
_MOST_EPOCHS = 20
_FEW_TEST_ROWS = 100
WINDOW: Final = 128
"""Tokens of a window, for texts that are read in several."""
# Beyond one window, whole windows with their [CLS] and [SEP].
_LENGTHS = (32, 64, WINDOW, 254, 380, 506)


@dataclass(frozen=True)
class Candidate:
    """One way to learn from a data file: settings that differ from those of its proposal.

    The candidates of a proposal are trained on the same splits, and the best on dev is kept.

    Attributes:
        name: What it does, in a few words, such as "output layer alone"; no two of a proposal have the same.
        reason: Why it may be the best, as a sentence.
        quality: The lowest quality at which it is tried; higher ones try it, too.
        model: Values for the section `model`, over those of the proposal; None: the setting's default.
        training: The same for the section `training`.
    """

    name: str
    reason: str
    quality: Quality = "good"
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """Settings that suit a data file.

    Attributes:
        task: What the data are for.
        data: Values for the section `data`, by field; what is left out keeps its default.
        model: The same for the section `model`.
        training: The same for the section `training`.
        rows: Rows of the file, estimated by its lines where it is text.
        columns: The file's columns; none for a folder.
        notes: What was chosen and why, a sentence each.
        candidates: The ways to learn that are compared on dev, the quickest first; none: the settings as they are.
        mean_tokens: The tokens of a text that are read, in the mean, guessed by its characters.
    """

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    rows: int
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    mean_tokens: float = 0.0

    def candidates_of(self, quality: Quality) -> tuple[Candidate, ...]:
        """Returns the candidates that are tried at a quality; at one that is too low for all of them, the quickest."""
        level = QUALITIES.index(quality)
        options = tuple(candidate for candidate in self.candidates if QUALITIES.index(candidate.quality) <= level)
        return options or self.candidates[:1]

    def with_candidate(self, candidate: Candidate) -> Self:
        """Returns the settings of one candidate, as a proposal without candidates."""
        model = _merge(self.model, candidate.model)
        return replace(self, model=model, training=_merge(self.training, candidate.training), candidates=())

    def as_one(self) -> Self:
        """Returns the settings for a settings file: those of the last candidate of quality good, with its reason."""
        if not self.candidates:
            return self
        candidate = self.candidates_of("good")[-1]
        return replace(self.with_candidate(candidate), notes=(*self.notes, f"{candidate.name}: {candidate.reason}"))


def _merge(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **overrides}.items() if value is not None}


def make_proposal(
    task: str,
    sample: DataSample,
    texts: Sequence[Any],
    notes: Sequence[str],
    *,
    rows: int | None = None,
    columns: Mapping[str, Any] | None = None,
    multi_label: bool = False,
    longest: int = 380,
    longer: str = "{max_length} cuts {cut:.0%} of them",
) -> Proposal:
    """Makes a proposal, with a length and epochs that suit the texts.

    Args:
        task: What the data are for.
        sample: A look at the file.
        texts: Texts of the file, as long as models read them.
        notes: What was chosen and why, a sentence each; one on `max_length` is added.
        rows: Rows of the file; None: those of the sample.
        columns: Values for the section `data`, beside those of the sample.
        multi_label: Whether a text has several labels.
        longest: The most tokens that are proposed.
        longer: What the note says of longer texts; it may name `max_length`, and `cut`, their share.
    """
    tokens = np.array([_guess_tokens(text) for text in texts if isinstance(text, str)] or [2])
    typical = float(np.percentile(tokens, 95))
    max_length = next((length for length in _LENGTHS if typical <= length <= longest), longest)
    words = longer.format(max_length=max_length, cut=float(np.mean(tokens > max_length)))
    note = f"max_length: 95 % of the texts have up to about {typical:.0f} tokens; {words}"
    rows = sample.rows if rows is None else rows
    return Proposal(
        task,
        {**sample.settings, **(columns or {}), **sample.hints},
        {"max_length": max_length} | ({"multi_label": True} if multi_label else {}),
        # Few texts are read more often, so that there are some hundred steps to learn in.
        {"epochs": min(max(math.ceil(_TEXTS_READ / max(rows, 1)), 1), _MOST_EPOCHS)},
        rows=rows,
        columns=() if sample.source.format == "folder" else tuple(sample.columns),
        notes=(*notes, note, *_trust(rows, sample.source.settings)),
        mean_tokens=float(np.mean(np.minimum(tokens, max_length))),
    )


def _trust(rows: int, settings: DataSettings) -> Iterator[str]:
    """Yields how far a score on few test rows can be trusted: half a binomial interval of 95 %, at its widest."""
    test = round(rows * settings.test_share)
    if settings.test is None and 0 < test < _FEW_TEST_ROWS:
        points = 100 * 1.96 * 0.5 / math.sqrt(test)
        yield f"few rows: with about {test} of them to test on, a score is known to within about {points:.0f} points"


def _guess_tokens(text: str) -> float:
    """Estimates the tokens of a text, [CLS] and [SEP] among them."""
    ideographs = 0 if text.isascii() else sum(character >= _FIRST_IDEOGRAPH for character in text)
    return ideographs + (len(text) - ideographs) / _CHARACTERS_A_TOKEN + 2
