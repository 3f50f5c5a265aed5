"""Writes a model as a folder that Transformers or sentence-transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.core.files import write_json, write_text
from tfapp.exports.huggingface.checkpoint import backbone_config, backbone_tensors, save_weights
from tfapp.exports.huggingface.stock_model import StockModel
from tfapp.models import BertModel, Preprocessor
from tfapp.models.tokenizer_file import make_tokenizer

__all__ = ["write_stock_model"]

_SPECIAL_TOKENS: Final = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
}


def write_stock_model(model: BertModel, folder: Path, form: StockModel, *, name: str, max_length: int) -> None:
    """Writes the weights, `config.json` and the tokenizer into an empty folder.

    Args:
        model: A trained model in float32.
        folder: Where to.
        form: The model's form.
        name: The model's name.
        max_length: The longest input in tokens.

    Raises:
        ModelError: The model cannot read texts of `max_length` tokens.
        OSError: The folder cannot be written.
    """
    model.check_length(max_length)
    prefix = "" if form.architecture == "BertModel" else "bert."
    # Classes with a head have BERT's pooler where that reads it, `BertModel` always.
    has_pooler = model.reads_pooler or not form.head
    tensors = {
        f"{prefix}{part}": value
        for part, value in backbone_tensors(model.backbone)
        if has_pooler or not part.startswith("pooler.")
    }
    config = backbone_config(model.backbone, form.architecture, padding_id=model.preprocessor.padding_id)
    save_weights(folder, tensors | dict(form.head))
    write_json(folder / "config.json", config | dict(form.config), shared=True)
    _write_tokenizer(folder, model.preprocessor, max_length)
    if form.pooling:
        _write_modules(folder, form.pooling, int(model.backbone.hidden_dim), max_length)
    write_text(folder / "README.md", _readme(name, model.task.name, form), shared=True)


def _write_tokenizer(folder: Path, preprocessor: Preprocessor, max_length: int) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = make_tokenizer(preprocessor)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", preprocessor.cls_id), ("[SEP]", preprocessor.sep_id)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        # Special tokens in a text are plain text.
        "split_special_tokens": True,
        # By this, and by vocab.txt, KerasHub reads the folder as a preset.
        "do_lower_case": preprocessor.lowercase,
        **_SPECIAL_TOKENS,
    }
    write_json(folder / "tokenizer_config.json", settings, shared=True)
    write_text(folder / "vocab.txt", "".join(f"{piece}\n" for piece in preprocessor.vocabulary), shared=True)


def _write_modules(folder: Path, pooling: str, width: int, max_length: int) -> None:
    """Writes what sentence-transformers reads: the vectors of a text's tokens become one, of length 1."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
        shared=True,
    )
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False}, shared=True
    )
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    (folder / "1_Pooling").mkdir()
    (folder / "2_Normalize").mkdir()
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": width,
            **{f"pooling_mode_{mode}": name == pooling for name, mode in modes.items()},
        },
        shared=True,
    )


def _readme(name: str, task: str, form: StockModel) -> str:
    library = "sentence-transformers" if form.pooling else "transformers"
    return f"""# {name}

A model for {task}, as tfapp wrote it for {library}: a `{form.architecture}` with the tokenizer of the served
model.

```sh
pip install {library} torch
```

```python
{form.call}
```

Run it in this folder, or give its path instead of ".".
"""
