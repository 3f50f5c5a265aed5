"""Writes a BERT as a Hugging Face checkpoint, a folder that tfapp, KerasHub and Transformers read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tfapp.core.files import replacing_folder, write_json, write_text
from tfapp.models.backbones import layer_parts

__all__ = ["load_prediction_head", "write_preset"]

_WEIGHTS: Final = "model.safetensors"
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
    tensors = {f"bert.{name}": value for name, value in _backbone_tensors(backbone)}
    for name, (variable, transpose) in () if head is None else _head_variables(head):
        tensors[name] = variable.numpy().T if transpose else variable.numpy()
    with replacing_folder(folder) as draft:
        write_json(draft / "config.json", _config(backbone) | {"pad_token_id": vocabulary.index("[PAD]")}, shared=True)
        write_json(
            draft / "tokenizer_config.json",
            {"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase, "model_max_length": _positions(backbone)},
            shared=True,
        )
        write_text(draft / "vocab.txt", "".join(f"{piece}\n" for piece in vocabulary), shared=True)
        save_file({name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}, draft / _WEIGHTS)


def load_prediction_head(folder: Path, head: Any) -> bool:
    """Loads a built `keras_hub.layers.MaskedLMHead` from a checkpoint's folder; returns whether it had one."""
    try:
        with safe_open(folder / _WEIGHTS, framework="np") as file:
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


def _config(backbone: Any) -> dict[str, Any]:
    return {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "vocab_size": backbone.vocabulary_size,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "hidden_size": backbone.hidden_dim,
        "intermediate_size": backbone.intermediate_dim,
        "max_position_embeddings": _positions(backbone),
        "type_vocab_size": backbone.num_segments,
        "hidden_dropout_prob": backbone.dropout,
        "attention_probs_dropout_prob": backbone.dropout,
        # KerasHub's BERT computes GELU by tanh.
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-12,
        "initializer_range": 0.02,
    }


def _positions(backbone: Any) -> int:
    return int(backbone.max_sequence_length)


def _backbone_tensors(backbone: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and values as Transformers has them: a dense layer's kernel is [output, input]."""
    embeddings = {
        "word_embeddings.weight": backbone.token_embedding.embeddings,
        "position_embeddings.weight": backbone.position_embedding.position_embeddings,
        "token_type_embeddings.weight": backbone.segment_embedding.embeddings,
    }
    for name, variable in embeddings.items():
        yield f"embeddings.{name}", variable.numpy()
    yield from _norm("embeddings.LayerNorm", backbone.embeddings_layer_norm)
    for number, layer in enumerate(backbone.transformer_layers):
        for name, value in _layer_tensors(layer, int(backbone.hidden_dim)):
            yield f"encoder.layer.{number}.{name}", value
    yield from _dense("pooler.dense", backbone.pooled_dense)


def _layer_tensors(layer: Any, width: int) -> Iterator[tuple[str, np.ndarray]]:
    parts = layer_parts(layer)
    for name in ("query", "key", "value"):
        dense = getattr(parts, name)
        yield f"attention.self.{name}.weight", dense.kernel.numpy().reshape(width, width).T
        yield f"attention.self.{name}.bias", dense.bias.numpy().reshape(width)
    yield "attention.output.dense.weight", parts.attention_output.kernel.numpy().reshape(width, width).T
    yield "attention.output.dense.bias", parts.attention_output.bias.numpy()
    yield from _norm("attention.output.LayerNorm", parts.attention_norm)
    yield from _dense("intermediate.dense", parts.intermediate)
    yield from _dense("output.dense", parts.output)
    yield from _norm("output.LayerNorm", parts.output_norm)


def _dense(name: str, layer: Any) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", layer.kernel.numpy().T
    yield f"{name}.bias", layer.bias.numpy()


def _norm(name: str, layer: Any) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", layer.gamma.numpy()
    yield f"{name}.bias", layer.beta.numpy()


def _head_variables(head: Any) -> Iterator[tuple[str, tuple[Any, bool]]]:
    """Yields each variable with whether it is transposed."""
    dense, norm = head._intermediate_dense, head._intermediate_layer_norm
    yield f"{_HEAD}.transform.dense.weight", (dense.kernel, True)
    yield f"{_HEAD}.transform.dense.bias", (dense.bias, False)
    yield f"{_HEAD}.transform.LayerNorm.weight", (norm.gamma, False)
    yield f"{_HEAD}.transform.LayerNorm.bias", (norm.beta, False)
    yield f"{_HEAD}.bias", (head._bias, False)
