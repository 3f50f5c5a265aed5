"""Writes a model as a folder with an ONNX graph, its tokenizer, and the module that answers texts with them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfapp.core.code_points import to_ranges
from tfapp.core.files import write_json, write_text
from tfapp.exports.onnx.bert import add_network
from tfapp.exports.onnx.decoder import text_model
from tfapp.exports.onnx.form import OnnxForm
from tfapp.exports.onnx.graph import Graph
from tfapp.models import BertModel
from tfapp.models.tokenizer_file import make_tokenizer, removed_code_points

__all__ = ["MODEL_FILE", "write_onnx"]

MODEL_FILE: Final = "model.onnx"
# How a decoder imports the base class here, and beside an exported model.
_IMPORT: Final = "from tfapp.exports.onnx.decoder.text_model import"
_IMPORT_BESIDE: Final = "from text_model import"


def write_onnx(model: BertModel, folder: Path, form: OnnxForm, *, name: str, max_length: int) -> dict[str, Any]:
    """Writes `model.onnx`, `tokenizer.json`, `model.json` and the decoder's modules into an empty folder.

    Args:
        model: A trained model in float32.
        folder: Where to.
        form: Of the model's task.
        name: The model's name.
        max_length: The longest input in tokens.

    Returns:
        What `model.json` holds.

    Raises:
        ModelError: The model cannot read texts of `max_length` tokens.
        OSError: The folder cannot be written.
    """
    import onnx

    model.check_length(max_length)
    graph = Graph()
    form.add_answers(graph, model, add_network(graph, model))
    onnx.save(graph.model(f"{name}, a model for {model.task.name}"), str(folder / MODEL_FILE))
    make_tokenizer(model.preprocessor).save(str(folder / "tokenizer.json"))
    preprocessor = model.preprocessor
    settings = {
        "name": name,
        "task": model.task.name,
        "inputs": list(model.inputs),
        "network_inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "labels": list(model.labels) if "labels" in [output.name for output in model.task.outputs] else [],
        "unknown_label": model.unknown.label if model.unknown else None,
        "max_length": max_length,
        "pairs": "apart" if model.comparison else "together",
        "cls_id": preprocessor.cls_id,
        "sep_id": preprocessor.sep_id,
        "padding_id": preprocessor.padding_id,
        "removed_characters": to_ranges(removed_code_points(preprocessor)),
        **form.describe(model),
    }
    write_json(folder / "model.json", settings, shared=True)
    for module in {Path(text_model.__file__), _source(form)}:
        write_text(
            folder / module.name, module.read_text(encoding="utf-8").replace(_IMPORT, _IMPORT_BESIDE), shared=True
        )
    write_text(folder / "README.md", _readme(settings, graph, form), shared=True)
    return settings


def _source(form: OnnxForm) -> Path:
    return Path(inspect.getfile(form.decoder))


def _readme(settings: dict[str, Any], graph: Graph, form: OnnxForm) -> str:
    module, kind = _source(form).stem, form.decoder.__name__
    arguments = ", ".join(f'["a {name}"]' for name in settings["inputs"])
    rows = "\n".join(
        f"| {way} | `{name}` | {np.dtype(dtype).name} | {', '.join(map(str, shape))} |"
        for way, values in (("input", graph.inputs), ("output", graph.outputs))
        for name, (dtype, shape) in values.items()
    )
    return f"""# {settings["name"]}

A model for {settings["task"]}, as tfapp wrote it for ONNX Runtime, OpenVINO and other runtimes of ONNX.

```sh
pip install numpy tokenizers onnxruntime
```

```python
from {module} import {kind}

model = {kind}()
print(model({arguments}))
```

Run it in this folder, or say `{kind}("FOLDER")`. The answers are those of the served model. `text_model.py` says how
another runtime computes the graph.

The graph `{MODEL_FILE}` itself takes and gives:

| | name | type | shape |
|---|---|---|---|
{rows}

`tokenizer.json` makes the token ids. [CLS] ({settings["cls_id"]}) comes before a text and [SEP] ({settings["sep_id"]})
behind it; a row has at most {settings["max_length"]} tokens, and is padded with {settings["padding_id"]}, which
`attention_mask` marks with 0.
"""
