"""The evaluation of a language model by masked tokens of held-out texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tfapp.evaluation import plots
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.metrics import Measure
from tfapp.evaluation.tables import measure_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["LanguageEvaluation", "ReconstructionEvaluation", "SelfRetrievalEvaluation"]


@dataclass(frozen=True)
class LanguageEvaluation(Evaluation):
    """Guesses of masked tokens on one split.

    Attributes:
        count: Tokens that were masked and guessed.
        loss: Mean cross-entropy of a guess in nats; the perplexity's logarithm.
        loss_interval: Its 95 % interval, by a bootstrap over blocks.
        accuracy: Share of guesses whose likeliest token is right.
        main_interval: Its interval.
        blocks: Blocks of tokens that they were in.
        spread: Blocks whose own mean loss is under 1 nat, under 2, ... and over 7.
    """

    kind = "language-model"
    unit = "masked tokens"
    by_loss = True
    score: ClassVar[str] = "masked accuracy"
    lead: ClassVar[str] = (
        "Some tokens of held-out texts were hidden, and the model predicted them. A perplexity of 10 means that the "
        "model is as unsure as if it had to choose among 10 equally likely tokens."
    )

    count: int
    loss: float
    loss_interval: tuple[float, float]
    accuracy: float
    main_interval: tuple[float, float]
    blocks: int
    spread: tuple[int, ...]

    @property
    def perplexity(self) -> float:
        """Returns the number of equally likely tokens among which one would be as unsure as the model."""
        return math.exp(self.loss)

    @property
    def main_name(self) -> str:
        """Returns the name of the accuracy; the best epoch is that of the lowest perplexity."""
        return self.score

    @property
    def main_score(self) -> float:
        """Returns the share of right guesses."""
        return self.accuracy

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the numbers of masked tokens and blocks."""
        return f"{self.count:,} {self.unit}", f"{self.blocks:,} blocks of text"

    def headline(self) -> str:
        """Returns the perplexity with its interval, and the accuracy, in one line."""
        low, high = map(math.exp, self.loss_interval)
        score = f"perplexity {self.perplexity:.2f} (95 % interval {low:.2f} to {high:.2f})"
        return f"{score}, {self.score} {self.accuracy:.3f}, {self.count} {self.unit}"

    def metrics(self) -> dict[str, float]:
        """Returns the accuracy, the perplexity and the loss."""
        return {self.main_name: self.accuracy, "perplexity": self.perplexity, "loss": self.loss}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Returns the intervals of the measures, by their names."""
        return {measure.name: measure.interval for measure in self.measures}

    def details(self) -> dict[str, str]:
        """Returns the perplexity and the loss."""
        low, high = map(math.exp, self.loss_interval)
        return {"Perplexity": f"{self.perplexity:.2f} ({low:.2f} to {high:.2f})", "Loss": f"{self.loss:.4f}"}

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Returns the perplexity, the loss and the accuracy, with their intervals."""
        low, high = map(math.exp, self.loss_interval)
        return (
            Measure("perplexity", self.perplexity, (low, high)),
            Measure("loss", self.loss, self.loss_interval),
            Measure(self.main_name, self.accuracy, self.main_interval),
        )

    def table(self) -> Table:
        """Returns the measures, for a terminal."""
        return measure_table(self.measures)

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns a histogram of the blocks by their perplexity."""
        if not self.count:
            return {}
        names = [f"under {math.exp(nats):,.0f}" for nats in range(1, len(self.spread))]
        figure = plots.draw_counts([*names, "more"], self.spread, "perplexity of the block", "blocks")
        return {"spread": (figure, f"Blocks by the perplexity of their {self.unit}")}


@dataclass(frozen=True)
class ReconstructionEvaluation(LanguageEvaluation):
    """Predictions of each token of whole texts, from those before it and the vector of a text with deleted words."""

    kind = "reconstruction"
    unit = "tokens"
    score = "token accuracy"
    lead = (
        "Words of held-out texts were deleted, and each whole text was told again from the vector of what was left. A "
        "perplexity of 10 means that the model is as unsure as if it had to choose among 10 equally likely tokens. It "
        "says little about the vectors: measure these by retrieval, with a task that has pairs."
    )


@dataclass(frozen=True)
class SelfRetrievalEvaluation(LanguageEvaluation):
    """Held-out texts with hidden word pieces that look for themselves among all texts, by their vectors."""

    kind = "self-retrieval"
    unit = "texts"
    score = "self-retrieval accuracy"
    lead = (
        "Word pieces of held-out texts were hidden, and each text looked for itself among all of them. A perplexity of "
        "10 means that its vector is as near to those of 9 others. It says little about texts in other words: measure "
        "these by retrieval, with a task that has pairs."
    )
