"""Writes a BERT with its masked-language head as a Hugging Face checkpoint, which tfapp and KerasHub read, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from tfapp.core.files import replacing_folder, write_json, write_text
from tfapp.exports.huggingface.checkpoint import WEIGHTS_FILE, backbone_config, backbone_tensors, save_weights

__all__ = ["load_prediction_head", "write_preset"]

_HEAD: Final = "cls.predictions"


def write_preset(folder: Path, backbone: Any, vocabulary: Sequence[str], *, lowercase: bool, head: Any = None) -> None:
    """Writes a checkpoint of `BertForMaskedLM`; the folder appears complete, by rename.

    Args:
        folder: Where to; an earlier one is replaced.
        backbone: A `keras_hub.models.BertBackbone`.
        vocabulary: The word pieces in the order of their ids.
        lowercase: Whether the vocabulary is uncased.
        head: The `keras_hub.layers.MaskedLMHead` over it; None: the checkpoint has none.
    """
    tensors = {f"bert.{name}": value for name, value in backbone_tensors(backbone)}
    for name, (variable, transpose) in () if head is None else _head_variables(head):
        tensors[name] = variable.numpy().T if transpose else variable.numpy()
    config = backbone_config(backbone, "BertForMaskedLM", padding_id=vocabulary.index("[PAD]"))
    with replacing_folder(folder) as draft:
        write_json(draft / "config.json", config, shared=True)
        write_json(
            draft / "tokenizer_config.json",
            {
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": lowercase,
                "model_max_length": config["max_position_embeddings"],
            },
            shared=True,
        )
        write_text(draft / "vocab.txt", "".join(f"{piece}\n" for piece in vocabulary), shared=True)
        save_weights(draft, tensors)


def load_prediction_head(folder: Path, head: Any) -> bool:
    """Loads a built `keras_hub.layers.MaskedLMHead` from a checkpoint's folder; returns whether it had one."""
    try:
        with safe_open(folder / WEIGHTS_FILE, framework="np") as file:
            names = {name: name for name in file.keys()}  # noqa: SIM118 - it is no mapping
            values = {name: file.get_tensor(name) for name in names if name.startswith(f"{_HEAD}.")}
    except (OSError, SafetensorError):
        return False
    parts = dict(_head_variables(head))
    if not parts.keys() <= values.keys():
        return False
    for name, (variable, transpose) in parts.items():
        variable.assign(values[name].T if transpose else values[name])
    return True


def _head_variables(head: Any) -> Iterator[tuple[str, tuple[Any, bool]]]:
    """Yields each variable with whether it is transposed."""
    dense, norm = head._intermediate_dense, head._intermediate_layer_norm
    yield f"{_HEAD}.transform.dense.weight", (dense.kernel, True)
    yield f"{_HEAD}.transform.dense.bias", (dense.bias, False)
    yield f"{_HEAD}.transform.LayerNorm.weight", (norm.gamma, False)
    yield f"{_HEAD}.transform.LayerNorm.bias", (norm.beta, False)
    yield f"{_HEAD}.bias", (head._bias, False)
