"""The form of rankers for Transformers."""

from __future__ import annotations

from tfapp.exports.huggingface.classes import score_model
from tfapp.exports.huggingface.stock_model import StockModel
from tfapp.tasks.ranking.model import PairRanker

__all__ = ["stock_model"]


def stock_model(model: PairRanker) -> StockModel:
    """Returns the form of a ranker, whose score is the sigmoid of one logit.

    Raises:
        ExportError: Transformers has none; says why.
    """
    return score_model(model, None)
