"""The network of a BERT model as an ONNX graph: rows of token ids, padded to the longest, to logits."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import tensorflow as tf

from tfapp.exports.onnx.graph import Graph, Value
from tfapp.models import BertModel
from tfapp.models.backbones import LayerParts, layer_parts

__all__ = ["add_network"]

_FIRST: Final = ("pooler", "first")
# What is added to the scores of padding before attention's softmax.
_MASKED: Final = -1e9


class _RowInputs(NamedTuple):
    """The inputs of rows of tokens.

    Attributes:
        ids: int64[rows, tokens].
        mask: int64[rows, tokens], 1 at tokens, 0 at padding.
        segments: int64[rows, tokens]; None: all 0.
    """

    ids: Value
    mask: Value
    segments: Value | None


def add_network(graph: Graph, model: BertModel) -> Value:
    """Adds the inputs and the network of a model, by the names that Hugging Face's tokenizers have for them.

    Inputs: `input_ids` and `attention_mask`, int64[rows, tokens], and `token_type_ids` of a model that tells segments
    apart. The rows of pairs that are read apart are the texts of each pair one after another.

    Returns:
        What the network of Keras returns: float32[N, K], or [N, T, K] where it says something of each token.
    """
    shape = ("rows", "tokens")
    rows = _RowInputs(
        graph.input("input_ids", np.int64, shape),
        graph.input("attention_mask", np.int64, shape),
        graph.input("token_type_ids", np.int64, shape) if _tells_segments(model) else None,
    )
    x = _embed(graph, model.backbone, rows)
    layers = model.backbone.transformer_layers
    heads = int(model.backbone.num_heads)
    # Nothing is read of padding: float32 [rows, 1, 1, tokens].
    gap = graph.op("Sub", graph.weight(1.0), graph.cast(rows.mask, np.float32))
    bias = graph.op("Unsqueeze", graph.op("Mul", gap, graph.weight(_MASKED)), graph.integers(1, 2))
    for number, layer in enumerate(layers):
        only_first = number == len(layers) - 1 and model.head_input in _FIRST
        x = _layer(graph, layer_parts(layer), x, bias, heads, name=f"layer{number}", only_first=only_first)
    return _head(graph, model, _pool(graph, model, x, rows.mask))


def _embed(graph: Graph, backbone: Any, rows: _RowInputs) -> Value:
    segments = np.asarray(backbone.segment_embedding.embeddings)
    positions = np.asarray(backbone.position_embedding.position_embeddings)
    tokens = graph.weight(backbone.token_embedding.embeddings, name="embeddings.tokens")
    x = graph.op("Gather", tokens, rows.ids)
    length = graph.op("Shape", rows.ids, start=1, end=2)
    # Without segments, the first one's vector is part of every position's.
    table = graph.weight(positions if rows.segments else positions + segments[0], name="embeddings.positions")
    x = graph.op("Add", x, graph.op("Slice", table, graph.integers(0), length, graph.integers(0)))
    if rows.segments:
        x = graph.op("Add", x, graph.op("Gather", graph.weight(segments, name="embeddings.segments"), rows.segments))
    return graph.norm(x, backbone.embeddings_layer_norm, name="embeddings.norm")


def _layer(graph: Graph, parts: LayerParts, x: Value, bias: Value, heads: int, *, name: str, only_first: bool) -> Value:
    """Adds a transformer layer of BERT (Devlin et al. 2019), norms behind the sums, of all tokens or of each first."""
    width = int(parts.output.bias.shape[0])
    asking = graph.slice(x, 0, 1, axis=1) if only_first else x
    query, key, value = (
        _heads(graph, source, part, heads, name=f"{name}.{part_name}", columns_first=part_name == "key")
        for source, part, part_name in (
            (asking, parts.query, "query"),
            (x, parts.key, "key"),
            (x, parts.value, "value"),
        )
    )
    scale = graph.weight((width // heads) ** -0.5)
    scores = graph.op("Add", graph.op("Mul", graph.op("MatMul", query, key), scale), bias)
    read = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
    joined = graph.reshape(graph.op("Transpose", read, perm=[0, 2, 1, 3]), 0, 0, width)
    output = parts.attention_output
    kernel = np.reshape(output.kernel, (width, width))
    attention = graph.dense(joined, kernel, output.bias, name=f"{name}.attention_output")
    x = graph.norm(graph.op("Add", asking, attention), parts.attention_norm, name=f"{name}.attention_norm")
    inner = graph.dense(x, parts.intermediate.kernel, parts.intermediate.bias, name=f"{name}.intermediate")
    # KerasHub's BERT computes GELU by its tanh form.
    inner = graph.op("Gelu", inner, approximate="tanh")
    outer = graph.dense(inner, parts.output.kernel, parts.output.bias, name=f"{name}.output")
    return graph.norm(graph.op("Add", x, outer), parts.output_norm, name=f"{name}.output_norm")


def _heads(graph: Graph, x: Value, layer: Any, heads: int, *, name: str, columns_first: bool) -> Value:
    """Adds queries, keys or values of each head: [rows, heads, tokens, width], or its last axes swapped."""
    width = int(np.prod(layer.bias.shape))
    product = graph.dense(x, np.reshape(layer.kernel, (width, width)), np.reshape(layer.bias, width), name=name)
    by_head = graph.reshape(product, 0, 0, heads, width // heads)
    return graph.op("Transpose", by_head, perm=[0, 2, 3, 1] if columns_first else [0, 2, 1, 3])


def _pool(graph: Graph, model: BertModel, x: Value, mask: Value) -> Value:
    """Adds the pooling: a vector a row, or the tokens' vectors as they are."""
    if model.head_input == "tokens":
        return x
    if model.head_input in _FIRST:
        first = graph.op("Squeeze", graph.slice(x, 0, 1, axis=1), graph.integers(1))
        if model.head_input == "first":
            return first
        pooler = model.backbone.pooled_dense
        return graph.op("Tanh", graph.dense(first, pooler.kernel, pooler.bias, name="pooler"))
    tokens = graph.op("Unsqueeze", graph.cast(mask, np.float32), graph.integers(2))
    if model.head_input == "mean":
        total = graph.sum(graph.op("Mul", x, tokens), 1)
        return graph.op("Div", total, graph.op("Max", graph.sum(tokens, 1), graph.weight(1.0)))
    gap = graph.op("Mul", graph.op("Sub", graph.weight(1.0), tokens), graph.weight(_MASKED))
    return graph.max(graph.op("Add", graph.op("Mul", x, tokens), gap), 1)


def _head(graph: Graph, model: BertModel, vectors: Value) -> Value:
    if model.comparison:
        vectors = _compare(graph, vectors, cosine=model.comparison == "cosine", width=int(model.backbone.hidden_dim))
    layer = model.output_layer
    if layer is None:
        return graph.unit_length(vectors)
    return graph.dense(vectors, layer.kernel, layer.bias, name="logits")


def _compare(graph: Graph, vectors: Value, *, cosine: bool, width: int) -> Value:
    """Adds what `PairComparison` makes of the vectors of pairs, [2 N, H]: [N, 1] or [N, 4 H]."""
    mean = graph.op("ReduceMean", graph.op("Mul", vectors, vectors), graph.integers(-1), keepdims=1)
    vectors = graph.op("Div", vectors, graph.op("Sqrt", graph.op("Add", mean, graph.weight(1e-12))))
    first, second = (graph.slice(vectors, start, np.iinfo(np.int64).max, axis=0, step=2) for start in (0, 1))
    product = graph.op("Mul", first, second)
    if cosine:
        return graph.op("Div", graph.sum(product, -1, keep=True), graph.weight(float(width)))
    return graph.op("Concat", first, second, graph.op("Abs", graph.op("Sub", first, second)), product, axis=-1)


def _tells_segments(model: BertModel) -> bool:
    """Returns whether the model reads segments other than the first."""
    marks = [[model.preprocessor.cls_id, model.preprocessor.sep_id]]
    return model.add_segments(tf.ragged.constant(marks, tf.int32))[1] is not None
