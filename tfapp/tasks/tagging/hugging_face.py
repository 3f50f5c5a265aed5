"""The form of taggers for Transformers."""

from __future__ import annotations

from tfapp.errors import ExportError
from tfapp.exports.huggingface.stock_model import StockModel, logit_weights
from tfapp.tasks.tagging.model import TextTagger

__all__ = ["stock_model"]

_CALL = """from transformers import pipeline

find = pipeline("token-classification", ".", aggregation_strategy="first")
print(find("a text"))"""


def stock_model(model: TextTagger) -> StockModel:
    """Returns the form of a tagger. Pipelines take each word's best tag by itself, as `model.decoding = "greedy"` does.

    Raises:
        ExportError: Transformers has none; says why.
    """
    if model.decoding == "crf":
        raise ExportError("the tags are decoded by a CRF, which no class of Transformers has; export as ONNX")
    if model.word_shapes:
        raise ExportError("the BERT is told how words are written, which no tokenizer does; export as ONNX")
    names = ["O", *(f"{prefix}-{label}" for label in model.labels for prefix in "BI")]
    config = {
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }
    return StockModel("BertForTokenClassification", _CALL, logit_weights(model, "classifier"), config)
