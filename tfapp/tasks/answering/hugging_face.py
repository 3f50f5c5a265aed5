"""The form of models that answer questions for Transformers."""

from __future__ import annotations

from tfapp.exports.huggingface.stock_model import StockModel, logit_weights
from tfapp.tasks.answering.model import Answerer

__all__ = ["stock_model"]


def stock_model(model: Answerer) -> StockModel:
    """Returns the form of a model that answers; the windows are chosen by who calls it."""
    stride = model.stride or (model.preprocessor.max_length - 3) // 2
    call = f"""from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForQuestionAnswering.from_pretrained(".")
rows = tokenizer(
    "a question",
    "a context",
    truncation="only_second",
    stride={stride},
    return_overflowing_tokens=True,
    padding=True,
    return_tensors="pt",
)
rows.pop("overflow_to_sample_mapping")
outputs = model(**rows)
row = (outputs.start_logits.amax(1) + outputs.end_logits.amax(1)).argmax()
start, end = outputs.start_logits[row].argmax(), outputs.end_logits[row].argmax()
print(tokenizer.decode(rows["input_ids"][row, start : end + 1]))"""
    return StockModel("BertForQuestionAnswering", call, logit_weights(model, "qa_outputs"))
