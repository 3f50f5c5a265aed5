"""Regression of texts and of pairs of texts, as tasks."""

from __future__ import annotations

from typing import Final

from tfapp_client import contract

from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.regression.data import NumberTarget
from tfapp.tasks.regression.evaluation import RegressionEvaluation
from tfapp.tasks.regression.playground import PAIR_REGRESSION_FORM, REGRESSION_FORM
from tfapp.tasks.regression.propose import propose_pair_regression, propose_regression
from tfapp.tasks.regression.settings import PAIR_SETTINGS, SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

__all__ = ["PAIR_REGRESSION", "REGRESSION"]

_ANSWERS: Final = "a number, `score`, in the unit of the labels that it was trained on"
_KNOWS: Final = (
    "It gives a number for any text, also for one that has nothing to do with its data, and numbers beyond those of "
    "its data are rarely right."
)


def _classes() -> TaskClasses:
    from tfapp.tasks.regression.evaluator import RegressionEvaluator
    from tfapp.tasks.regression.model import TextRegressor

    return TaskClasses({"bert": TextRegressor}, RegressionEvaluator)


def _pair_classes() -> TaskClasses:
    from tfapp.tasks.regression.evaluator import RegressionEvaluator
    from tfapp.tasks.regression.model import PairRegressor

    return TaskClasses({"bert": PairRegressor}, RegressionEvaluator)


REGRESSION: Final = TaskSpec(
    contract.REGRESSION,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, NumberTarget(), TABLES),
    classes=_classes,
    evaluation=RegressionEvaluation,
    card=CardWords("raw text", 'regress("{name}", ["a text"])', answers=_ANSWERS, knows=_KNOWS),
    propose=propose_regression,
    playground=REGRESSION_FORM,
)

PAIR_REGRESSION: Final = TaskSpec(
    contract.PAIR_REGRESSION,
    settings=PAIR_SETTINGS,
    schema=Schema(PAIR_SETTINGS.name, PAIR_SETTINGS.texts, NumberTarget(), TABLES, group="query"),
    classes=_pair_classes,
    evaluation=RegressionEvaluation,
    card=CardWords(
        "pairs of raw texts, a query and a candidate,",
        'regress_pairs("{name}", [("a query", "a candidate")])',
        answers=_ANSWERS,
        knows=_KNOWS,
    ),
    propose=propose_pair_regression,
    playground=PAIR_REGRESSION_FORM,
)
