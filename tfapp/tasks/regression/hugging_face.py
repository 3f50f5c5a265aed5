"""The form of regressors for Transformers."""

from __future__ import annotations

from tfapp.exports.huggingface.classes import score_model
from tfapp.exports.huggingface.stock_model import StockModel
from tfapp.tasks.regression.model import TextRegressor

__all__ = ["stock_model"]


def stock_model(model: TextRegressor) -> StockModel:
    """Returns the form of a regressor, which answers in the unit of the data.

    Raises:
        ExportError: Transformers has none; says why.
    """
    return score_model(model, "regression", scale=model.deviation, shift=model.mean)
