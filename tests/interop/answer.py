"""Answers rows with exported models by the libraries of others; it imports nothing of tfapp.

Each line of standard input is a JSON object of `library`, `folder` and `rows`; each of standard output the answers.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from typing import Any


def classify(folder: str, rows: list[Any], **options: Any) -> Any:
    from transformers import pipeline

    ask = pipeline("text-classification", folder, top_k=None, truncation=True)
    return ask([row if isinstance(row, str) else {"text": row[0], "text_pair": row[1]} for row in rows])


def tag(folder: str, rows: list[str], **options: Any) -> Any:
    from transformers import pipeline

    find = pipeline("token-classification", folder, aggregation_strategy="first")
    return [[(span["entity_group"], span["start"], span["end"]) for span in find(row)] for row in rows]


def embed(folder: str, rows: list[str], **options: Any) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, device="cpu").encode(rows).tolist()


def answer_question(folder: str, rows: list[list[str]], **options: Any) -> Any:
    """The logits of start and end, of rows that are one window each."""
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForQuestionAnswering.from_pretrained(folder)
    outputs = [model(**tokenizer(*row, return_tensors="pt")) for row in rows]
    return [[output.start_logits[0].tolist(), output.end_logits[0].tolist()] for output in outputs]


def read_tokens(folder: str, rows: list[Any], **options: Any) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [tokenizer(*([row] if isinstance(row, str) else row), truncation=True)["input_ids"] for row in rows]


def openvino(folder: str, rows: list[Any], *, module: str, kind: str, **options: Any) -> Any:
    import openvino

    compiled = openvino.compile_model(f"{folder}/model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(inputs: Any) -> Any:
        return {name: values for output, values in compiled(inputs).items() for name in output.names}

    return _decode(folder, rows, module, kind, run=run)


def onnxruntime(folder: str, rows: list[Any], *, module: str, kind: str, **options: Any) -> Any:
    return _decode(folder, rows, module, kind)


def _decode(folder: str, rows: list[Any], module: str, kind: str, **options: Any) -> Any:
    sys.path.insert(0, folder)
    try:
        for name in ("text_model", module):
            sys.modules.pop(name, None)
        model = getattr(importlib.import_module(module), kind)(folder, **options)
    finally:
        sys.path.remove(folder)
    columns = [rows] if isinstance(rows[0], str) else [list(column) for column in zip(*rows, strict=True)]
    return {name: values.tolist() for name, values in model(*columns).items()}


LIBRARIES = {
    "classify": classify,
    "tag": tag,
    "embed": embed,
    "answer_question": answer_question,
    "read_tokens": read_tokens,
    "openvino": openvino,
    "onnxruntime": onnxruntime,
}

if __name__ == "__main__":
    # Libraries print to standard output, too.
    output, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        task = json.loads(line)
        try:
            answer = LIBRARIES[task.pop("library")](**task)
        except Exception:  # noqa: BLE001
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=output, flush=True)
