"""Ranking of candidates for a query, as a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.answer_format import ScoreAnswerFormat
from tfapp.data.proposals.pair_candidates import choose_pair_candidates
from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.ranking.data import GradeTarget
from tfapp.tasks.ranking.evaluation_result import RankingEvaluation
from tfapp.tasks.ranking.propose import suggest_ranking
from tfapp.tasks.ranking.settings import SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["RANKING"]


def _rank(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    query, candidates = form.required_text("query"), form.lines("candidates")
    return {"ranked": model.client.rank(model.name, query, candidates, **model.routing)}


_FORM: Final = PlaygroundForm(
    (FormField("query", "Query"), FormField("candidates", "Candidates", rows=7, hint="One per line")),
    _rank,
    Path(__file__).parent / "templates" / "ranking.playground.html.jinja",
    Path(__file__).parent / "static" / "ranking.playground.css",
)


def _classes() -> TaskClasses:
    from tfapp.tasks.ranking.evaluator import RankingEvaluator
    from tfapp.tasks.ranking.model import PairRanker

    return TaskClasses({"bert": PairRanker}, RankingEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.tasks.ranking.hugging_face import stock_model

    return stock_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.ranking.onnx_form import ONNX_FORM

    return ONNX_FORM


RANKING: Final = TaskSpec(
    contract.RANKING,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, GradeTarget(), TABLES, group="query"),
    classes=_classes,
    evaluation=RankingEvaluation,
    answer_format=ScoreAnswerFormat(),
    card=CardWords(
        "pairs of raw texts, a query and a candidate,",
        'rank("{name}", "a query", ["a candidate", "another"])',
        answers="a score from 0 to 1; a higher score means a better fit",
        knows="It gives a score to any two texts, even if they have nothing to do with its training data.",
    ),
    suggest=suggest_ranking,
    choose=choose_pair_candidates,
    playground=_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
