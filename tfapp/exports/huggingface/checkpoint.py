"""The weights and sizes of a BERT as Hugging Face's checkpoints have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from tfapp.models.backbones import layer_parts

__all__ = ["WEIGHTS_FILE", "backbone_config", "backbone_tensors", "save_weights"]

WEIGHTS_FILE: Final = "model.safetensors"


def backbone_config(backbone: Any, architecture: str, *, padding_id: int) -> dict[str, Any]:
    """Returns what `config.json` says of a backbone.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        architecture: The class of Transformers that reads it.
        padding_id: The id of [PAD].
    """
    return {
        "architectures": [architecture],
        "model_type": "bert",
        "vocab_size": backbone.vocabulary_size,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "hidden_size": backbone.hidden_dim,
        "intermediate_size": backbone.intermediate_dim,
        "max_position_embeddings": int(backbone.max_sequence_length),
        "type_vocab_size": backbone.num_segments,
        "hidden_dropout_prob": backbone.dropout,
        "attention_probs_dropout_prob": backbone.dropout,
        # KerasHub's BERT computes GELU by tanh.
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-12,
        "pad_token_id": padding_id,
        "initializer_range": 0.02,
    }


def backbone_tensors(backbone: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and values as `BertModel` of Transformers has them: a dense layer's kernel is [output, input]."""
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


def save_weights(folder: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes tensors by their names into a folder, as `model.safetensors`, in float32."""
    values = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
    # By the format, Transformers tells the file from others.
    save_file(values, folder / WEIGHTS_FILE, metadata={"format": "pt"})
