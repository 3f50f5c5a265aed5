"""The result of a search: its trials, the winner, and the runs that the winner's settings gave."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tfapp.core.wording import pluralize
from tfapp.errors import TrainingError

if TYPE_CHECKING:
    import optuna

    from tfapp.workflows.run import Run

__all__ = ["SearchResult", "SeedResult", "TrialResult"]


@dataclass(frozen=True)
class TrialResult:
    """A trial of a search.

    Attributes:
        number: From 0.
        state: "complete" or "pruned".
        parameters: The values that were drawn, by setting.
        value: What is highest for the best trial: the dev score, or its negative where lower is better; of a pruned
            trial at its last epoch.
        score_name: What the dev score is.
        lower_is_better: Whether a lower score is better.
        interval: Its 95 % interval; None of a pruned trial.
        seconds: How long it took.
        epochs: The epochs that it learnt; 0 where there are none.
    """

    number: int
    state: str
    parameters: Mapping[str, Any]
    value: float
    score_name: str
    lower_is_better: bool
    interval: tuple[float, float] | None
    seconds: float
    epochs: int

    @classmethod
    def of(cls, trial: optuna.trial.FrozenTrial) -> TrialResult | None:
        """Returns a trial of Optuna's; None of one that has no value."""
        value = trial.value
        if value is None:
            value = trial.intermediate_values.get(max(trial.intermediate_values, default=0))
        if value is None:
            return None
        notes = trial.user_attrs
        interval = notes.get("interval")
        return cls(
            trial.number,
            trial.state.name.lower(),
            dict(trial.params),
            value,
            notes.get("score_name", "score"),
            bool(notes.get("lower_is_better", False)),
            (interval[0], interval[1]) if interval else None,
            float(notes.get("seconds", 0.0)),
            int(notes.get("epochs", 0)),
        )

    @property
    def score(self) -> float:
        """Returns the dev score."""
        return -self.value if self.lower_is_better else self.value


@dataclass(frozen=True)
class SeedResult:
    """A training of the winner's settings with another seed.

    Attributes:
        seed: As `training.seed`.
        dev: The dev value, highest for the best.
        test: The score on the test split.
        interval: Its 95 % interval.
        score_name: What it is.
        count: Rows of the test split.
        on: Which split that was: dev, where there is no test split.
    """

    seed: int
    dev: float
    test: float
    interval: tuple[float, float]
    score_name: str
    count: int
    on: str = "test"


@dataclass(frozen=True)
class SearchResult:
    """The result of a search.

    Attributes:
        folder: Its study on this machine.
        trials: Those that came to their end or were pruned, in order.
        best: The best of them on dev.
        seeds: The trainings of its settings with other seeds; empty where there were none.
        path: The run of the best of these on dev; None where there is none.
    """

    folder: Path
    trials: Sequence[TrialResult]
    best: TrialResult
    seeds: Sequence[SeedResult] = ()
    path: Path | None = None

    @property
    def run(self) -> Run:
        """Returns the run of the winner.

        Raises:
            TrainingError: The winner was not retrained.
        """
        from tfapp.workflows.run import Run

        if self.path is None:
            raise TrainingError(f"{self.folder}: the winner has no run yet; search with seeds over 0")
        return Run(self.path)

    @property
    def winner(self) -> SeedResult | None:
        """Returns the training that the run is of: the best on dev."""
        return max(self.seeds, key=lambda seed: seed.dev) if self.seeds else None

    @property
    def report(self) -> Path:
        """Returns the path of the report page."""
        return self.folder / "report.html"

    def headline(self) -> str:
        """Returns the result in a line."""
        best = self.best
        trials = pluralize(len(self.trials), "trial")
        words = f"best of {trials} on dev: {best.score_name} {best.score:.3f} (trial {best.number})"
        winner = self.winner
        if winner is None:
            return words
        low, high = winner.interval
        scores = [seed.test for seed in self.seeds]
        mean = f"; mean of {len(scores)} seeds {fmean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})"
        return (
            f"{winner.score_name} {winner.test:.3f} on {winner.on} (95 % interval {low:.3f} to {high:.3f}, "
            f"{pluralize(winner.count, 'row')}){mean if len(scores) > 1 else ''}; {words}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "study": str(self.folder),
            "run": str(self.path) if self.path else None,
            "report": str(self.report),
            "trials": len(self.trials),
            "best": {**vars(self.best), "score": self.best.score},
            "seeds": [vars(seed) for seed in self.seeds],
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in self.best.parameters.items()
        )
        page = html.escape(str(self.report))
        return f"<p>{html.escape(self.headline())}</p><table>{rows}</table><p>Report <code>{page}</code></p>"
