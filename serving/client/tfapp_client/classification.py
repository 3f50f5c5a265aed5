"""Reads the outputs of classifiers, whose labels are asked for once a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from tfapp_client import codec, contract
from tfapp_client.errors import AnswerError
from tfapp_client.request_messages import ModelSpec
from tfapp_client.results import Classification

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClassifierLayout", "ClassifierLayouts"]

_LABELS: Final = "labels"
_WITHOUT_LABELS: Final = tuple(spec.name for spec in contract.CLASSIFICATION.outputs if spec.name != _LABELS)


@dataclass(frozen=True)
class ClassifierLayout:
    """The labels and outputs of one version of a classifier.

    Attributes:
        labels: The labels, in the order of the probabilities.
        outputs: Those of the contract's outputs that it has, without the labels.
    """

    labels: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Reads the layout from outputs that hold the labels."""
        return cls(
            tuple(codec.decode_text(arrays[_LABELS][0])), tuple(name for name in _WITHOUT_LABELS if name in arrays)
        )

    def read(self, arrays: Mapping[str, NDArray[Any]], count: int) -> list[Classification]:
        """Reads the answers to so many texts.

        Raises:
            AnswerError: The outputs do not go together.
        """
        unknown = arrays["unknown_score"].tolist() if "unknown_score" in arrays else [None] * count
        chosen_labels = self._chosen_labels(arrays["chosen"]) if "chosen" in arrays else [None] * count
        labels, probabilities = codec.decode_text(arrays["label"]), arrays["probabilities"].tolist()
        columns = (labels, arrays["score"].tolist(), probabilities, chosen_labels, unknown)
        try:
            return [
                Classification(label, score, dict(zip(self.labels, row, strict=True)), names, unknown_score)
                for label, score, row, names, unknown_score in zip(*columns, strict=True)
            ]
        except ValueError as error:
            raise AnswerError(f"the outputs of a classifier do not go together: {error}") from error

    def _chosen_labels(self, rows: NDArray[Any]) -> Sequence[tuple[str, ...] | None]:
        return [
            tuple(label for label, is_chosen in zip(self.labels, row, strict=True) if is_chosen)
            for row in rows.tolist()
        ]


class ClassifierLayouts:
    """The layouts that a client has seen.

    Versions never change, so a version's layout stays right. The last one of a model_spec is only a guess at what comes
    next: a version that appears in between is noticed by its number.
    """

    def __init__(self) -> None:
        self._by_version: dict[tuple[str, int], ClassifierLayout] = {}
        self._last: dict[ModelSpec, ClassifierLayout] = {}

    def guess(self, model_spec: ModelSpec) -> ClassifierLayout | None:
        """Returns the layout that the next answer probably has; None if nothing is known."""
        return self._last.get(model_spec)

    def fits(self, layout: ClassifierLayout, model_spec: ModelSpec, version: int) -> bool:
        """Returns whether a version is known to have a layout."""
        return self._by_version.get((model_spec.model, version)) == layout

    def add(self, layout: ClassifierLayout, model_spec: ModelSpec, version: int) -> None:
        """Remembers the layout of a version that answered."""
        self._by_version[model_spec.model, version] = self._last[model_spec] = layout
