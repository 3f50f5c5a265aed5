"""The fields that all evaluations have, and how far the evaluated rows repeat themselves or the training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from tfapp.core.wording import pluralize
from tfapp.evaluation.row_answers import RowAnswers

__all__ = ["EvaluatedRows", "Overlap"]


@dataclass(frozen=True)
class Overlap:
    """Rows of a test set that say little of how a model does on new texts.

    Attributes:
        rows: All rows of the test set.
        repeated: Rows that repeat an earlier one.
        learnt: Rows whose texts are in the train split.
        left_out: Rows whose texts were in train's file, and were dropped from it before the training.
        chosen: Rows whose texts are in the dev split, which chose the best epoch.
        count: What was evaluated without all of these, in the evaluation's unit.
        score: The main score on that; None where nothing is left.
        interval: 95 % bootstrap interval of the score.
        problem: Why nothing is known of the training's texts; empty: it is.
    """

    rows: int
    repeated: int = 0
    learnt: int = 0
    left_out: int = 0
    chosen: int = 0
    count: int = 0
    score: float | None = None
    interval: tuple[float, float] | None = None
    problem: str = ""

    def sentence(self, main_name: str, unit: str) -> str:
        """Returns all of it in a sentence, which begins with "Caution" where the score is of texts learnt from."""
        if self.problem:
            return f"Whether the model learnt from these texts could not be checked: {self.problem}"
        parts = (
            (self.learnt, "of texts that the model learnt from"),
            (self.chosen, "of the dev split, which chose the best epoch"),
            (self.left_out, "of texts that train's file has too (dropped from train)"),
            (self.repeated, "that repeat an earlier one"),
        )
        kinds = ", ".join(f"{count:,} {kind}" for count, kind in parts if count)
        start = "Caution: " if self.learnt or self.chosen else ""
        sentence = f"{start}{pluralize(self.rows, 'row', thousands=True)}, {kinds}"
        if self.score is None or self.interval is None:
            return f"{sentence}; no other is left to say how the model does on new texts"
        low, high = self.interval
        interval = f"95 % interval {low:.3f} to {high:.3f}"
        return f"{sentence}; without these {main_name} {self.score:.3f} ({interval}), {self.count:,} {unit}"


@dataclass(frozen=True, kw_only=True)
class EvaluatedRows:
    """The fields that all evaluations have.

    Attributes:
        overlap: None where no row repeats another or is one of the training.
        wrong_rows: Which rows are wrong, counted from 0, where the main score is the share of right ones; else None.
        rows_fingerprint: Tells the evaluated rows from others; empty in evaluations of before.
        answers: The answers to the rows, which JSON does not hold; None where the task keeps none, and in evaluations
            that were read from JSON.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"arbitrary_types_allowed": True}

    overlap: Overlap | None = None
    wrong_rows: tuple[int, ...] | None = None
    rows_fingerprint: str = ""
    answers: RowAnswers | None = field(default=None, compare=False, repr=False)
