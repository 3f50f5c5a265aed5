"""The evaluation of a model on held-out rows: one record a task that prints, plots and travels as JSON."""

from __future__ import annotations

import abc
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from tfapp.errors import ModelError
from tfapp.evaluation.evaluated_rows import EvaluatedRows
from tfapp.evaluation.row_answers import sum_by_group
from tfapp.evaluation.score_comparison import ScoreRecord, fewest_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from tfapp.evaluation.calibration_report import CalibrationReport
    from tfapp.evaluation.precision_recall import PrecisionRecall

__all__ = ["Board", "Evaluation"]

# Standard errors from the middle of a normal distribution to the end of its 95 % interval.
_NORMAL_95: Final = 1.96


@dataclass(frozen=True)
class Board:
    """The part of an evaluation that TensorBoard shows.

    Attributes:
        scalars: One point each of the curves of these names.
        images: Drawings by name.
        curves: For the page of precision-recall curves.
        texts: Markdown by name.
    """

    scalars: Mapping[str, float]
    images: Mapping[str, Figure] = field(default_factory=dict)
    curves: Sequence[PrecisionRecall] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


class Evaluation(EvaluatedRows, abc.ABC):
    """Scores of a model on one split; each kind is a frozen dataclass of its own, whose fields JSON can hold.

    Training compares `main_score` and `loss`; the report page, the notebook, TensorBoard, the terminal and the export
    take what the other members give. Two templates belong to a kind: `KIND.report.html.jinja`, the sections of the
    page behind its head, and `KIND.summary.html.jinja` for a notebook.

    Attributes:
        kind: Names the kind in JSON and its templates.
        unit: What is counted, in the plural.
        by_loss: Whether the best epoch is that of the lowest loss, not of the highest `main_score`.
        lower_is_better: Whether a lower `main_score` is better, as of an error.
        count: Rows evaluated.
        loss: The mean loss, lower is better.
        main_interval: 95 % bootstrap interval of `main_score`.
        calibration_report: What the model's temperatures do; None where it has none.
    """

    kind: ClassVar[str]
    unit: ClassVar[str] = "texts"
    by_loss: ClassVar[bool] = False
    lower_is_better: ClassVar[bool] = False
    _kinds: ClassVar[dict[str, type[Evaluation]]] = {}

    count: int
    loss: float
    main_interval: tuple[float, float]
    calibration_report: CalibrationReport | None = None

    def __init_subclass__(cls) -> None:
        # What several kinds share is none itself.
        if hasattr(cls, "kind"):
            Evaluation._kinds[cls.kind] = cls

    @classmethod
    def templates(cls) -> Path:
        """Returns the folder of the kind's templates: `templates` beside the module of the class."""
        return Path(str(sys.modules[cls.__module__].__file__)).parent / "templates"

    @property
    @abc.abstractmethod
    def main_name(self) -> str:
        """Returns the name of the main score."""

    @property
    @abc.abstractmethod
    def main_score(self) -> float:
        """Returns the number that models are compared by: 0..1, higher is better, unless the kind says otherwise."""

    @property
    def standard_error(self) -> float:
        """Returns the standard error of `main_score`, as its 95 % interval shows it."""
        low, high = self.main_interval
        return (high - low) / (2 * _NORMAL_95)

    @property
    @abc.abstractmethod
    def counts(self) -> tuple[str, ...]:
        """Returns the evaluation's counts in words: "405 texts", "12 wrong"."""

    @abc.abstractmethod
    def metrics(self) -> dict[str, float]:
        """Returns the metrics that are recorded with an exported version, the main score first."""

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Returns the 95 % intervals of those of the `metrics` that have one, by their names."""
        return {next(iter(self.metrics())): self.main_interval}

    @abc.abstractmethod
    def details(self) -> dict[str, str]:
        """Returns the figures beside the main score at the head of the report page, by name; of evaluated rows only."""

    @abc.abstractmethod
    def table(self) -> Table:
        """Returns the scores, for a terminal."""

    @abc.abstractmethod
    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the drawings of the page by name, each with its description; none where nothing was evaluated."""

    def board(self) -> Board:
        """Returns the contents of TensorBoard: the metrics, and the plots of the page."""
        scalars = {f"evaluation/{name}": value for name, value in self.metrics().items()}
        return Board(scalars, {name: figure for name, (figure, _) in self.figures().items()})

    def display(self, score: float) -> str:
        """Returns a main score as the report page shows it."""
        return f"{100 * score:.1f}\u202f%"

    def gain_over(self, other: Evaluation) -> float:
        """Returns how much better the main score is than another model's on the same rows, on a scale of 0..1."""
        gain = self.main_score - other.main_score
        return -gain if self.lower_is_better else gain

    def on_dev(self) -> Self:
        """Returns the evaluation without the figures of calibration, for rows that the temperatures were fitted on."""
        report = self.calibration_report
        return self if report is None else replace(cast(Any, self), calibration_report=report.without_reliability())

    def headline(self) -> str:
        """Returns the main score with its interval in one line; in another, the caution about `overlap`, if any."""
        low, high = self.main_interval
        score = f"{self.main_name} {self.main_score:.3f} (95 % interval {low:.3f} to {high:.3f})"
        return "\n".join(filter(None, (f"{score}, {self.count} {self.unit}", self.caution())))

    def choice(self) -> str:
        """Returns in plain words how large a difference to another model's score must be to mean anything."""
        low, high = (self.display(end) for end in self.main_interval)
        text = (
            f"{self.main_name[:1].upper()}{self.main_name[1:]} is known to lie between {low} and {high}. A model whose "
            f"score is in this range too is not shown to be better or worse on these {self.count:,} {self.unit}; four "
            f"times as many would halve the range."
        )
        if self.wrong_rows is None:
            return text
        return (
            f"{text} On the same {self.unit}, at least {fewest_apart()} must be right in one model alone and none in "
            "the other alone."
        )

    def record(self, model: str) -> ScoreRecord:
        """Returns the record by which the main score is compared with another model's; `model` names this one there."""
        answers = self.answers
        return ScoreRecord(
            model,
            self.main_name.replace(" ", "_"),
            self.main_score,
            self.count,
            self.unit,
            self.rows_fingerprint,
            self.main_interval,
            None if self.wrong_rows is None else frozenset(self.wrong_rows),
            sum_by_group(answers.terms, answers.groups) if answers else None,
            square_root=answers is not None and answers.square_root,
            lower_is_better=self.lower_is_better,
        )

    def caution(self) -> str:
        """Returns how far the test set repeats itself or the training, in a sentence; empty where it does not."""
        return self.overlap.sentence(self.main_name, self.unit) if self.overlap else ""

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON values, led by the main score for those who read the file."""
        values = _adapter(type(self)).dump_python(self, mode="json", exclude={"answers"})
        return {"main_name": self.main_name, "main_score": self.main_score, "kind": self.kind, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Builds the evaluation that `to_dict` wrote.

        Raises:
            ModelError: The values are not those of an evaluation.
        """
        from pydantic import ValidationError

        # Before there were kinds, all were of classes.
        kind = str(values.get("kind", "classes"))
        if kind not in cls._kinds:
            raise ModelError(f"not an evaluation: unknown kind {kind!r:.80}; evaluate the run again")
        try:
            evaluation: Evaluation = _adapter(cls._kinds[kind]).validate_python(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            raise ModelError(f"not an evaluation: {first['loc']}: {first['msg']}; evaluate the run again") from error
        return evaluation

    def __str__(self) -> str:
        """Returns the headline, and where the rest is."""
        return (
            f"{self.headline()}\nmore: .table(), .metrics(), .figures() for matplotlib, .to_dict(); in Jupyter, itself"
        )

    def _repr_html_(self) -> str:
        """Returns the scores and the drawings, for Jupyter."""
        from tfapp.evaluation.report import render_summary

        return render_summary(self)


@functools.cache
def _adapter(kind: type[Evaluation]) -> Any:
    """Returns pydantic's adapter, which reads and writes evaluations of a kind as JSON values."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
