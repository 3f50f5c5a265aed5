"""The network of a BERT model as a graph for inference: only real tokens, few ops, bounded memory."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfapp.config import ExportSettings
from tfapp.errors import ExportError
from tfapp.models import BertModel, TaskModel
from tfapp.models.backbones import LayerParts, layer_parts
from tfapp.models.text_pairs import PairComparison
from tfapp.savedmodel.attention import ManyTexts, OneText, View
from tfapp.savedmodel.layers import PRECISIONS, Dense, Norm, Precision, Table, keep
from tfapp.savedmodel.shape_grid import padded_sizes
from tfapp.savedmodel.sub_batches import in_sub_batches

__all__ = ["PackedEncoder", "make_encoder"]

_FIRST: Final = ("pooler", "first")
# Into so many parts a layer is divided, by heads and by inner width (Shoeybi et al. 2019), of which two threads compute
# a single text in less time than one.
_SHARDS: Final = 2


class PackedEncoder(tf.Module):
    """Computes the outputs of a model's Keras network, each real token once, and without padding in dense layers.

    Queries, keys and values are one product; position and first segment are one table; the last layer is computed for
    the first token alone where only that is read. Texts are sorted by length and read in sub-batches of about equal
    numbers of tokens: these run in parallel, one a thread, each pads little in attention, and none is large whatever
    the request.

    Args:
        model: A trained model in float32.
        precision: What the layers compute in and keep their weights in; what stands on the BERT computes in float32.
        tokens: Tokens of a sub-batch, about.
    """

    def __init__(self, model: BertModel, *, precision: Precision = PRECISIONS["float32"], tokens: int = 400) -> None:
        super().__init__(name="encoder")
        backbone = model.backbone
        self.precision = precision
        self._add_segments = model.add_segments
        self._head_input = model.head_input
        self._compare = PairComparison(model.comparison) if model.comparison else None
        self._tokens = tokens
        heads = int(backbone.num_heads)
        shards = _SHARDS if heads % _SHARDS == 0 else 1
        self._heads = heads // shards
        self.embedding = _Embedding(backbone, precision)
        self._sizes = padded_sizes(self.embedding.last + 1)
        self._widths = padded_sizes(self.embedding.last + 1, together=True)
        self.layers = [_Layer(layer, shards, precision) for layer in backbone.transformer_layers]
        self.pooler = _dense(backbone.pooled_dense, PRECISIONS["float32"]) if self._head_input == "pooler" else None
        output = model.output_layer
        self.head = _dense(output, PRECISIONS["float32"]) if output else None

    def __call__(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the network's outputs for ids, ragged int32[N, (T)], as the model reads them; N may be 0.

        Returns:
            float32[N, K]; for networks that say something of each token [N, T, K], T the longest row, 0 behind a row.
        """
        lengths, columns = self._columns(ids)
        if self._head_input == "tokens":
            values = in_sub_batches(
                self._encode_one, self._encode_many, lengths, columns, size=self._tokens, by_token=True
            )
            padded_values = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False).to_tensor()
            # As wide as `Preprocessor.pad` makes no rows.
            return tf.pad(padded_values, [[0, 0], [0, tf.maximum(2 - tf.shape(padded_values)[1], 0)], [0, 0]])
        return self._answer(self._pool(lengths, columns))

    def features(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the vectors that the head reads, float32[N, H], for ids as in a call."""
        return self._pool(*self._columns(ids))

    def _columns(self, ids: tf.RaggedTensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the lengths of the rows as the BERT reads them, and their tokens' columns."""
        ids, segments = self._add_segments(ids)
        columns = [ids.values] if segments is None else [ids.values, segments.values]
        return tf.cast(ids.row_lengths(), tf.int32), columns

    def _pool(self, lengths: tf.Tensor, columns: list[tf.Tensor]) -> tf.Tensor:
        rows = in_sub_batches(self._encode_one, self._encode_many, lengths, columns, size=self._tokens, by_token=False)
        return rows if self._compare is None else self._compare(rows)

    def _encode_one(self, tokens: tf.Tensor, *segments: tf.Tensor) -> tf.Tensor:
        """Computes [1, H] or [P, K] of the tokens int32[P] of one text."""
        count = tf.size(tokens)
        size = tf.gather(self._sizes, count)
        positions = tf.range(size)
        columns = [tf.pad(column, [[0, size - count]]) for column in (tokens, *segments)]
        view = OneText(self._heads, count, positions, self.precision.dtype)
        x = self._run(self.embedding(columns[0], positions, *columns[1:], few=True), view)
        # Nothing is read of a row of a negative number.
        rows = tf.where(positions < count, 0, -1)
        return self._read(x, rows, count[tf.newaxis])[: count if self._head_input == "tokens" else None]

    def _encode_many(self, lengths: tf.Tensor, tokens: tf.Tensor, *segments: tf.Tensor) -> tf.Tensor:
        """Computes [N, H] or [P, K] of the tokens int32[P] of N texts one after another.

        The last texts may be empty, and the last tokens of no text.
        """
        rows = tf.repeat(tf.range(tf.size(lengths)), lengths)
        positions = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(lengths, exclusive=True), rows)
        filler = [[0, tf.size(tokens) - tf.size(rows)]]
        rows, positions = tf.pad(rows, filler, constant_values=-1), tf.pad(positions, filler)
        longest = tf.gather(self._widths, tf.reduce_max(lengths))
        view = ManyTexts(self._heads, lengths, rows, positions, longest=longest, dtype=self.precision.dtype)
        return self._read(self._run(self.embedding(tokens, positions, *segments, few=False), view), rows, lengths)

    def _run(self, x: tf.Tensor, view: View) -> tf.Tensor:
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, view, only_firsts=number == len(self.layers) and self._head_input in _FIRST)
        return tf.cast(x, tf.float32)

    def _read(self, x: tf.Tensor, rows: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Returns the pooled output of the BERT, a vector a row; for heads that read each token, the head's output."""
        count = tf.size(lengths)
        if self._head_input == "mean":
            sizes = tf.cast(tf.maximum(lengths, 1), tf.float32)[:, tf.newaxis]
            x = tf.math.unsorted_segment_sum(x, rows, count) / sizes
        elif self._head_input == "max":
            x = tf.math.unsorted_segment_max(x, rows, count)
        elif self.pooler is not None:
            x = tf.tanh(self.pooler(x))
        return self._answer(x) if self._head_input == "tokens" else x

    def _answer(self, x: tf.Tensor) -> tf.Tensor:
        return self.head(x) if self.head is not None else tf.math.l2_normalize(x, axis=-1, epsilon=1e-24)


def make_encoder(model: TaskModel, settings: ExportSettings) -> PackedEncoder | None:
    """Returns the encoder that an export asks for; None for the Keras network itself, as of any model without a BERT.

    Raises:
        ExportError: The network itself has no other precision than float32.
    """
    if settings.encoder == "packed" and isinstance(model, BertModel):
        return PackedEncoder(model, precision=PRECISIONS[settings.precision], tokens=settings.sub_batch_tokens)
    if settings.precision != "float32":
        is_plain = settings.encoder == "plain" and isinstance(model, BertModel)
        which = "export.encoder is plain" if is_plain else f"model.kind {model.kind} has no packed encoder"
        way_out = "export.encoder = packed, or export.precision = float32" if is_plain else "export.precision = float32"
        raise ExportError(
            f"export.precision is {settings.precision}, but {which}, and the Keras network computes in float32 only; "
            f"set {way_out}"
        )
    return None


class _Embedding(tf.Module):
    """Computes BERT's embedding of tokens, their positions and segments, before the first layer."""

    def __init__(self, backbone: Any, precision: Precision) -> None:
        super().__init__()
        first, *others = np.asarray(backbone.segment_embedding.embeddings)
        self.tokens = Table(np.asarray(backbone.token_embedding.embeddings), precision)
        self.positions = keep(np.asarray(backbone.position_embedding.position_embeddings) + first, tf.float32)
        self.last = int(self.positions.shape[0]) - 1
        # Of each segment, what parts it from the first.
        parts = np.stack([np.zeros_like(first), *(other - first for other in others)])
        self.segments = keep(parts, tf.float32)
        self.norm = Norm(backbone.embeddings_layer_norm, precision.dtype)
        self._dtype = precision.dtype

    def __call__(self, tokens: tf.Tensor, positions: tf.Tensor, *segments: tf.Tensor, few: bool) -> tf.Tensor:
        x = self.tokens.look_up(tokens) + tf.gather(self.positions, positions)
        for part in segments:
            x += tf.gather(self.segments, part)
        return self.norm(tf.cast(x, self._dtype), few=few)


class _Shard(tf.Module):
    """A part of a transformer layer's heads and inner width, which is computed beside the others."""

    def __init__(self, parts: LayerParts, heads: slice, inner: slice, precision: Precision) -> None:
        """Takes a slice of the heads' columns and one of the inner width; the first shard adds the biases."""
        super().__init__()
        width, first = int(parts.output.bias.shape[0]), heads.start == 0
        sources = parts.query, parts.key, parts.value
        kernels = [np.reshape(source.kernel, (width, width))[:, heads] for source in sources]
        biases = [np.reshape(source.bias, width)[heads] for source in sources]
        attention, output = parts.attention_output, parts.output
        no_bias = np.zeros(width, np.float32)
        self.product = Dense(np.concatenate(kernels, axis=1), np.concatenate(biases), precision)
        rows = np.reshape(attention.kernel, (width, width))[heads]
        self.attention_output = Dense(rows, attention.bias if first else no_bias, precision)
        columns_in = np.asarray(parts.intermediate.kernel)[:, inner], np.asarray(parts.intermediate.bias)[inner]
        self.intermediate = Dense(*columns_in, precision)
        self.output = Dense(np.asarray(output.kernel)[inner], output.bias if first else no_bias, precision)

    def attend(self, x: tf.Tensor, view: View, *, only_firsts: bool) -> tf.Tensor:
        """Returns the output of the shard's heads."""
        query, key, value = view.split(self.product(x))
        if only_firsts:
            query = query[..., :1, :]
        scores = tf.matmul(query, key, transpose_b=True)
        heads = tf.matmul(view.weigh(scores, key.shape[-1] ** -0.5), value)
        return view.join_firsts(heads) if only_firsts else view.join(heads)

    def feed_forward(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the shard's part of the inner width, by GELU's tanh form, as KerasHub's BERT has it."""
        return tf.nn.gelu(self.intermediate(x), approximate=True)


class _Layer(tf.Module):
    """A transformer layer of BERT (Devlin et al. 2019), norms behind the sums."""

    def __init__(self, layer: Any, shards: int, precision: Precision) -> None:
        super().__init__()
        parts = layer_parts(layer)
        width, inner = (int(dense.bias.shape[0]) for dense in (parts.output, parts.intermediate))
        cuts = zip(_slices(width, shards), _slices(inner, shards), strict=True)
        self.shards = [_Shard(parts, heads, inner_width, precision) for heads, inner_width in cuts]
        self.attention_norm = Norm(parts.attention_norm, precision.dtype)
        self.output_norm = Norm(parts.output_norm, precision.dtype)

    def __call__(self, x: tf.Tensor, view: View, *, only_firsts: bool) -> tf.Tensor:
        attention = [(shard.attention_output, shard.attend(x, view, only_firsts=only_firsts)) for shard in self.shards]
        residual = view.firsts(x) if only_firsts else x
        x = self.attention_norm(view.add(attention, residual), few=view.few)
        return self.output_norm(
            view.add([(shard.output, shard.feed_forward(x)) for shard in self.shards], x), few=view.few
        )


def _slices(width: int, shards: int) -> list[slice]:
    return [slice(number * width // shards, (number + 1) * width // shards) for number in range(shards)]


def _dense(layer: Any, precision: Precision) -> Dense:
    return Dense(layer.kernel, layer.bias, precision)
