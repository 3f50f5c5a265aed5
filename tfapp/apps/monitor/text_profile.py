"""The profile of texts in three numbers, by which the drift of a stream is measured."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Self

__all__ = ["MEASURES", "DriftMeasure", "Sample", "TextProfile"]

DriftMeasure = Literal["vocabulary", "length", "confidence"]
MEASURES: Final[tuple[DriftMeasure, ...]] = ("vocabulary", "length", "confidence")
"""The share of a text's words that the reference does not know; its words; the models' confidence in it."""

_WORD: Final = re.compile(r"\w+")


class Sample(NamedTuple):
    """A text and the mean confidence of the models."""

    text: str
    confidence: float


@dataclass(frozen=True)
class TextProfile:
    """The reference that texts are compared with.

    Attributes:
        known: The words of half of them.
        values: The numbers of the texts, by measure; the vocabulary's are those of the other half, as the words of the
            first are all known.
    """

    known: frozenset[str]
    values: Mapping[DriftMeasure, Sequence[float]]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Self:
        """Returns the profile of texts."""
        vocabulary = frozenset(word for sample in samples[::2] for word in _words(sample.text))
        values = {measure: [_value(measure, vocabulary, sample) for sample in samples] for measure in MEASURES}
        values["vocabulary"] = values["vocabulary"][1::2]
        return cls(vocabulary, values)

    def evaluate(self, measure: DriftMeasure, samples: Sequence[Sample]) -> list[float]:
        """Returns a measure's number for each of some other texts."""
        return [_value(measure, self.known, sample) for sample in samples]

    def to_json(self) -> dict[str, Any]:
        """Returns its values for the database."""
        return {"known": sorted(self.known), "values": {name: list(values) for name, values in self.values.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Makes it from the values that `to_json` returned."""
        return cls(frozenset(values["known"]), values["values"])


def _value(measure: DriftMeasure, vocabulary: Collection[str], sample: Sample) -> float:
    if measure == "confidence":
        return round(sample.confidence, 6)
    words = _words(sample.text)
    if measure == "length":
        return float(len(words))
    return round(sum(word not in vocabulary for word in words) / len(words), 6) if words else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
