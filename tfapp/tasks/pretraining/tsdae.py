"""TSDAE (Wang et al. 2021): vectors of texts from which the texts can be reconstructed, learnt from texts alone.

Words of a text x are deleted, 60 % of them, which leaves x~. The encoder makes one vector of it, s = pooling(BERT(x~)).
A decoder that sees nothing else of the text tells it word piece by word piece:

    loss = - sum over t of log p(x_t | x_1, ..., x_(t-1), s).

The decoder is the same BERT with the same weights, but for two things: a token sees those before it alone, and between
self-attention and feed-forward each layer attends to s. With a single key, attention is 1 whatever the query, so that
this cross-attention is exactly

    y_t = LayerNorm(h_t + W_o (W_v s + b_v) + b_o),

the only weights that the decoder has for itself; queries and keys would have no gradient. They are dropped after the
training, as the decoder is. The logits are the product with the embedding, after the prediction head's dense layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tfapp.config import ModelSettings
from tfapp.models.base import EncodedRows
from tfapp.models.heads import MaskedPooling
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.word_dropout import ordinary_pieces
from tfapp.tasks.pretraining.masking import Ids, RowSplits, to_dense
from tfapp.tasks.pretraining.model import TokenPredictor, compare_guesses, prediction_head
from tfapp.tasks.pretraining.settings import PretrainingModelSettings

__all__ = ["Tsdae", "delete_words"]

# Deletions of evaluations are the same for every seed, so that runs compare.
_EVALUATION_SEED: Final = 0


class Tsdae(TokenPredictor):
    """A denoising auto-encoder over BERT.

    Rows are whole texts. Targets say which of their tokens the encoder sees; `resample` draws others each epoch.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer; longer texts are cut at its limit.
        pooling: "mean", "max" or "cls", as of an embedding.
        deletion: The share of words that are deleted.
    """

    kind = "tsdae"
    config_keys = ("pooling", "deletion")

    def __init__(self, backbone: Any, preprocessor: Preprocessor, *, pooling: str, deletion: float) -> None:
        self.backbone = backbone
        self.pooling = pooling
        self.deletion = deletion
        super().__init__(_network(backbone, "first" if pooling == "cls" else pooling), preprocessor, ())

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the pooling and the share of deleted words."""
        del labels
        return {"pooling": settings.pooling or "mean", "deletion": PretrainingModelSettings.of(settings).deletion}

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Tokenizes texts.

        Args:
            columns: `text`, N texts.

        Returns:
            Whole texts, and as targets int32[N, T], 1 for the tokens that the encoder sees, 0 for the others.
        """
        ids, splits = self.tokenize(columns)
        return EncodedRows(ids, splits, self._delete(ids, splits, np.random.default_rng(_EVALUATION_SEED)))

    def resample(
        self, ids: np.ndarray, splits: np.ndarray, targets: Any, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the same texts with other words deleted."""
        del targets
        return ids, self._delete(ids, splits, random)

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Raises NotImplementedError: a row's loss depends on its tokens; see `batch_loss`."""
        raise NotImplementedError("the loss of a denoising auto-encoder needs the texts; use batch_loss")

    def score_tokens(self, ids: tf.RaggedTensor, targets: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns how well the tokens of whole texts are predicted from the vectors of those with deletions."""
        lengths = ids.row_lengths()
        keep_mask = tf.RaggedTensor.from_tensor(targets, lengths=lengths)
        noisy_text = self.preprocessor.pad(tf.ragged.boolean_mask(ids, keep_mask > 0))
        text = self.preprocessor.pad(ids)
        logits = self.network(
            {**noisy_text, "whole_ids": text["token_ids"], "whole_mask": text["padding_mask"]}, training=training
        )["logits"]
        next_ids = tf.where(text["padding_mask"] > 0, text["token_ids"], -1)[:, 1:]
        return compare_guesses(next_ids, logits[:, :-1])[: ids.nrows(tf.int32)]

    def _delete(self, ids: Ids, splits: RowSplits, random: np.random.Generator) -> Ids:
        mask = delete_words(ids, splits, self.preprocessor.vocabulary, self.deletion, random)
        return to_dense(mask.astype(np.int32), splits, 0)


def delete_words(
    ids: Ids, splits: RowSplits, vocabulary: Sequence[str], share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Draws which tokens of texts stay, bool[sum of T]; words are deleted with all their pieces, each with one chance.

    Special tokens stay, and of each text one word at least.
    """
    ordinary = ordinary_pieces(vocabulary)[ids]
    continues = np.array([piece.startswith("##") for piece in vocabulary])
    starts = ordinary & ~(continues[ids] & np.concatenate([[False], ordinary[:-1]])[: len(ids)])
    word = np.cumsum(starts) - 1
    text = np.searchsorted(splits, np.flatnonzero(starts), side="right") - 1
    draws = random.random(len(text))
    stays = draws >= share
    # The word with the highest draw of each text.
    order = np.lexsort((draws, text))
    stays[order[np.flatnonzero(np.diff(text[order], append=-1))]] = True
    return ~ordinary | stays[np.maximum(word, 0)] if len(text) else ~ordinary


class DecoderLayer(keras.layers.Layer):
    """A layer of BERT as one of the decoder: its own sub-layers, with the cross-attention to one vector between.

    Args:
        encoder_layer: The layer, a `keras_hub.layers.TransformerEncoder`.
        width: That of a token's vector.
        dropout: The rate behind the cross-attention.
    """

    def __init__(self, encoder_layer: Any, width: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(dtype=encoder_layer.dtype_policy, **kwargs)
        self.encoder_layer = encoder_layer
        normal = keras.initializers.TruncatedNormal(stddev=0.02)
        self.value = keras.layers.Dense(width, kernel_initializer=normal, dtype=self.dtype_policy, name="value")
        self.projection = keras.layers.Dense(width, kernel_initializer=normal, dtype=self.dtype_policy, name="output")
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12, dtype=self.dtype_policy, name="norm")
        for layer in (self.value, self.projection, self.norm):
            layer.build((None, width))

    def call(self, hidden: Any, visible: Any, vector: Any) -> Any:
        """Returns the tokens' vectors after the layer.

        Args:
            hidden: float[N, T, H], before it.
            visible: bool[N, T, T], which tokens each may see.
            vector: float[N, H], what the cross-attention attends to.
        """
        own = self.encoder_layer
        attention = own._self_attention_layer(query=hidden, value=hidden, attention_mask=visible)
        hidden = own._self_attention_layer_norm(hidden + own._self_attention_dropout(attention))
        update = self.projection(self.value(ops.cast(vector, self.compute_dtype)))
        hidden = self.norm(hidden + self.dropout(update)[:, None, :])
        inner = own._feedforward_output_dense(own._feedforward_intermediate_dense(hidden))
        return own._feedforward_layer_norm(hidden + own._feedforward_dropout(inner))


def _network(backbone: Any, pooling: str) -> keras.Model:
    """Returns a network that predicts the tokens of whole texts by the vectors of those with deletions.

    Its inputs are the backbone's, of texts with deletions, and `whole_ids` and `whole_mask`, int32[N, T]; its output is
    `logits`, float32[N, T, V], of the token that follows each. The pooled vector is there for the pooler to be saved.
    """
    ids, mask = (keras.Input((None,), dtype="int32", name=name) for name in ("whole_ids", "whole_mask"))
    backbone.pooled_dense.trainable = False
    vector = MaskedPooling(pooling, name="pooling")(
        backbone.output["sequence_output"], padding_mask=backbone.input["padding_mask"]
    )
    positions = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    earlier = ops.greater_equal(positions[:, :, None], positions[:, None, :])
    visible = ops.logical_and(earlier, ops.greater(mask, 0)[:, None, :])
    hidden = _embed(backbone, ids)
    for number, layer in enumerate(backbone.transformer_layers):
        decoder_layer = DecoderLayer(layer, backbone.hidden_dim, backbone.dropout, name=f"decoder_layer_{number}")
        hidden = decoder_layer(hidden, visible, vector)
    logits = prediction_head(backbone)(hidden, positions)
    inputs = {**backbone.input, "whole_ids": ids, "whole_mask": mask}
    return keras.Model(inputs, {"logits": logits, "pooled_output": backbone.output["pooled_output"]}, name="tsdae")


def _embed(backbone: Any, ids: Any) -> Any:
    """Returns the vectors of tokens before the first layer, by the backbone's own weights."""
    tokens = backbone.token_embedding(ids)
    parts = (tokens, backbone.position_embedding(tokens), backbone.segment_embedding(ops.zeros_like(ids)))
    return backbone.embeddings_dropout(backbone.embeddings_layer_norm(backbone.embeddings_add(parts)))
