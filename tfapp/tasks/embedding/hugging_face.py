"""The form of embeddings for sentence-transformers."""

from __future__ import annotations

from tfapp.exports.huggingface.stock_model import StockModel
from tfapp.models import Embedder

__all__ = ["stock_model"]

_CALL = """from sentence_transformers import SentenceTransformer

model = SentenceTransformer(".")
print(model.encode(["a text"]))"""


def stock_model(model: Embedder) -> StockModel:
    """Returns the form of an embedding."""
    return StockModel("BertModel", _CALL, pooling=model.pooling)
