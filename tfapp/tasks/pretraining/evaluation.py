"""How well a language model guesses masked tokens of held-out texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.errors import TrainingError
from tfapp.evaluation import plots
from tfapp.evaluation.base import Board, Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["LanguageEvaluation", "evaluate_language"]

_DRAWS: Final = 1000
_LEVEL: Final = 0.95
# Edges of the page's histogram, in nats: a perplexity of 1 to over 1,000.
_MOST_NATS: Final = 7


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

    count: int
    loss: float
    loss_interval: tuple[float, float]
    accuracy: float
    main_interval: tuple[float, float]
    blocks: int
    spread: tuple[int, ...]

    @property
    def perplexity(self) -> float:
        """Among how many equally likely tokens the model is as unsure."""
        return math.exp(self.loss)

    @property
    def main_name(self) -> str:
        """Masked accuracy; the best epoch is that of the lowest perplexity."""
        return "masked accuracy"

    @property
    def main_score(self) -> float:
        """Share of right guesses."""
        return self.accuracy

    @property
    def counts(self) -> tuple[str, ...]:
        """Masked tokens and blocks."""
        return f"{self.count:,} masked tokens", f"{self.blocks:,} blocks of text"

    def headline(self) -> str:
        """The perplexity with its interval, and the accuracy, in one line."""
        low, high = map(math.exp, self.loss_interval)
        score = f"perplexity {self.perplexity:.2f} (95 % interval {low:.2f} to {high:.2f})"
        return f"{score}, masked accuracy {self.accuracy:.3f}, {self.count} {self.unit}"

    def metrics(self) -> dict[str, float]:
        """Accuracy, perplexity, loss."""
        return {self.main_name: self.accuracy, "perplexity": self.perplexity, "loss": self.loss}

    def details(self) -> dict[str, str]:
        """The perplexity and the loss."""
        if not self.count:
            return {}
        low, high = map(math.exp, self.loss_interval)
        return {"Perplexity": f"{self.perplexity:.2f} ({low:.2f} to {high:.2f})", "Loss": f"{self.loss:.4f}"}

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Each measure with its value and its interval, as they are shown."""
        measures = [
            ("perplexity", self.perplexity, *map(math.exp, self.loss_interval)),
            ("loss", self.loss, *self.loss_interval),
            (self.main_name, self.accuracy, *self.main_interval),
        ]
        return [(name, *(f"{value:.3f}" for value in values)) for name, *values in measures]  # type: ignore[misc]

    def table(self) -> Table:
        """The measures, for a terminal."""
        from rich.table import Table

        table = Table("measure")
        for name in ("score", "from", "to"):
            table.add_column(name, justify="right")
        for row in self.rows():
            table.add_row(*row)
        return table

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """How hard the blocks are."""
        if not self.count:
            return {}
        return {"spread": (self._draw_spread(), "Blocks by the perplexity of their masked tokens")}

    def board(self) -> Board:
        """The measures and the blocks."""
        scalars = {f"evaluation/{name}": value for name, value in self.metrics().items()}
        return Board(scalars, {"spread": self._draw_spread()} if self.count else {})

    def _draw_spread(self) -> Figure:
        names = [f"under {math.exp(nats):,.0f}" for nats in range(1, len(self.spread))]
        return plots.draw_counts([*names, "more"], self.spread, "perplexity of the block", "blocks")


def evaluate_language(sums: NDArray[np.floating], *, seed: int = 0) -> LanguageEvaluation:
    """Sums up guesses.

    Args:
        sums: float[N, 3], of each block the summed loss in nats, right guesses, guesses.
        seed: Seeds the bootstrap.

    Returns:
        The evaluation.

    Raises:
        TrainingError: A loss is not a number.
    """
    blocks = np.asarray(sums, np.float64).reshape(-1, 3)
    blocks = blocks[blocks[:, 2] > 0]
    if not np.isfinite(blocks).all():
        raise TrainingError("the loss of a block is not a number; lower training.learning_rate and train again")
    losses, right, counts = blocks.T
    total = max(counts.sum(), 1.0)
    loss_interval, interval = _intervals(blocks, seed)
    edges = [-np.inf, *range(1, _MOST_NATS + 1), np.inf]
    return LanguageEvaluation(
        count=int(counts.sum()),
        loss=float(losses.sum() / total),
        loss_interval=loss_interval,
        accuracy=float(right.sum() / total),
        main_interval=interval,
        blocks=len(blocks),
        spread=tuple(np.histogram(losses / np.maximum(counts, 1.0), edges)[0].tolist()),
    )


def _intervals(blocks: NDArray[np.float64], seed: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Percentile bootstrap (Efron 1979) of loss and accuracy: whole blocks are drawn, whose tokens hang together."""
    if not len(blocks):
        return (0.0, 0.0), (0.0, 1.0)
    random = np.random.default_rng(seed)
    draws = np.stack([blocks[random.integers(0, len(blocks), len(blocks))].sum(axis=0) for _ in range(_DRAWS)])
    ends = np.quantile(draws[:, :2] / draws[:, 2:], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    loss, accuracy = ((float(low), float(high)) for low, high in ends.T)
    return loss, accuracy
