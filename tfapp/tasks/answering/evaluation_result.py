"""The evaluation of an answerer's spans on held-out questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfapp.evaluation import plots
from tfapp.evaluation.base import Board, Evaluation
from tfapp.evaluation.calibration_report import CalibrationReport
from tfapp.evaluation.metrics import Measure
from tfapp.evaluation.tables import markdown_table, measure_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["AnswerEvaluation", "AnswerGroup", "WrongAnswer"]

_NONE = "no answer"


@dataclass(frozen=True)
class AnswerGroup:
    """The mean F1 of a group of questions, such as those with one question word.

    Attributes:
        name: What it is.
        count: How many they are.
        f1: Their mean F1.
    """

    name: str
    count: int
    f1: float


@dataclass(frozen=True)
class WrongAnswer:
    """A question that was not answered as it should be; texts are cut to 300 characters.

    Attributes:
        question: The question.
        context: What stands around the wanted answer; around the given one where none is wanted.
        wanted: The first of the right answers; empty for none.
        given: The model's answer; empty for none.
        f1: Its F1.
        score: How sure the model was.
        row: The line of its file on which the row begins, or the number of the row.
    """

    question: str
    context: str
    wanted: str
    given: str
    f1: float
    score: float
    row: int


@dataclass(frozen=True)
class AnswerEvaluation(Evaluation):
    """Scores of an answerer on one split, as SQuAD's script counts them.

    Attributes:
        count: Questions evaluated.
        loss: Mean cross-entropy of start and end in nats, over the windows.
        main_interval: The interval of F1, by a bootstrap over questions.
        measures: F1 and exact match; with and without an answer apart where there are both.
        answerable: Questions whose context answers.
        answered: Questions that the model answered.
        threshold: The logarithm of the odds over which it answers, fitted on dev; None where it always does.
        by_length: By the context's length in characters.
        by_word: By the question word, of English questions.
        wrong_count: Questions with an F1 under 1.
        wrong: The twenty with the lowest F1, the surest first.
    """

    kind = "answers"
    unit = "questions"

    count: int
    loss: float
    main_interval: tuple[float, float]
    measures: tuple[Measure, ...]
    answerable: int
    answered: int
    threshold: float | None
    by_length: tuple[AnswerGroup, ...]
    by_word: tuple[AnswerGroup, ...]
    wrong_count: int
    wrong: tuple[WrongAnswer, ...]
    calibration_report: CalibrationReport | None = None

    @property
    def main_name(self) -> str:
        """Returns the measure that models are compared by."""
        return self.measures[0].name

    @property
    def main_score(self) -> float:
        """Returns the value of the measure that models are compared by."""
        return self.measures[0].value

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the questions, those that have no answer, and those that were not answered exactly."""
        questions = f"{self.count:,} {'question' if self.count == 1 else 'questions'}"
        absent = [f"{self.count - self.answerable:,} without an answer"] if self.answerable < self.count else []
        return questions, *absent, f"{self.wrong_count:,} not quite right"

    def metrics(self) -> dict[str, float]:
        """Returns the measures and the loss."""
        return {measure.name: measure.value for measure in self.measures} | {"loss": self.loss}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Returns the intervals of the measures, by their names."""
        return {measure.name: measure.interval for measure in self.measures}

    def details(self) -> dict[str, str]:
        """Returns the number of answered questions, the threshold and the loss."""
        threshold = {} if self.threshold is None else {"Answers over a log odds of": f"{self.threshold:.2f}"}
        return {"Answered": f"{self.answered:,} of {self.count:,}"} | threshold | {"Loss": f"{self.loss:.4f}"}

    def table(self) -> Table:
        """Returns the measures with their intervals, for a terminal."""
        return measure_table(self.measures)

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns F1 by the context's length and by the question word, where there is more than one."""
        drawings = {}
        if len(self.by_length) > 1:
            drawings["lengths"] = (_draw(self.by_length, "characters of the context"), "F1 by the context's length")
        if len(self.by_word) > 1:
            drawings["words"] = (_draw(self.by_word, "question word"), "F1 by the question word")
        return drawings

    def board(self) -> Board:
        """Returns the measures, the drawings and the wrong answers."""
        scalars = {f"evaluation/{measure.name.replace(' ', '_')}": measure.value for measure in self.measures}
        images = {name: figure for name, (figure, _) in self.figures().items()}
        head = ("question", "wanted", "given", "F1", "score", "row")
        rows = [
            (row.question, row.wanted or _NONE, row.given or _NONE, f"{row.f1:.2f}", f"{row.score:.2f}", str(row.row))
            for row in self.wrong
        ]
        text = markdown_table(head, rows) if rows else "No answer was wrong."
        return Board(scalars | {"evaluation/loss": self.loss}, images, texts={"wrong_answers": text})


def _draw(groups: Sequence[AnswerGroup], label: str) -> Figure:
    names = [f"{group.name}\n({group.count})" for group in groups]
    return plots.draw_counts(names, [round(100 * group.f1) for group in groups], f"{label} (questions)", "F1 in %")
