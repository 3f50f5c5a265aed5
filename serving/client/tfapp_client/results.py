"""The results of calls, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "Answer",
    "Classification",
    "Entity",
    "ModelMetadata",
    "Ranked",
    "Signature",
    "TensorInfo",
    "VersionStatus",
]


@dataclass(frozen=True)
class Classification:
    """The answer to one text.

    Attributes:
        label: The most probable label, or the model's name for "none of these".
        score: The label's probability, or `unknown_score`.
        probabilities: Every label's probability, in the model's order.
        chosen: Multi-label models: the labels over their thresholds; None for other models.
        unknown_score: Models that may say "none of these": how sure they are of it; None for other models.
    """

    label: str
    score: float
    probabilities: Mapping[str, float]
    chosen: tuple[str, ...] | None = None
    unknown_score: float | None = None


@dataclass(frozen=True)
class Entity:
    """A span that a tagger found.

    Attributes:
        tag: What it is, such as "person".
        text: What it says.
        start: The index of its first character in the text that was sent.
        end: The index after its last.
        score: How sure the model is, from 0 to 1.
    """

    tag: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Ranked:
    """A candidate for a query.

    Attributes:
        candidate: Its text.
        score: How well it fits; more is better.
        place: Its position among the candidates that were sent.
    """

    candidate: str
    score: float
    place: int


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes:
        text: What the context says; empty where it does not answer.
        start: The index of its first character in the context; -1 where that does not answer.
        end: The index after its last, or -1.
        score: How sure the model is, from 0 to 1.
    """

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: The version's number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: Why it did not load; empty where nothing went wrong.
    """

    version: int
    state: str
    error: str = ""

    @property
    def available(self) -> bool:
        """Returns whether the version answers."""
        return self.state == "AVAILABLE"


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        dtype: TensorFlow's name, such as "float32" or "string".
        shape: -1 where a size is free; None where not even the rank is known.
    """

    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of one function of a model.

    Attributes:
        inputs: By name.
        outputs: By name.
        method: "tensorflow/serving/predict", ".../classify" or ".../regress".
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method: str


@dataclass(frozen=True)
class ModelMetadata:
    """A model's version and its signatures, by name."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
