"""A text as a vector, from a pretrained BERT: texts that belong together point the same way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, cast

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.base import EncodedRows
from tfapp.models.bert import BertModel
from tfapp.models.contrast import pair_losses
from tfapp.models.heads import Pooling, bert_network
from tfapp.models.preprocessor import Preprocessor

__all__ = ["Embedder"]


class Embedder(BertModel):
    """BERT, one vector of its tokens' vectors, at length 1 (Reimers and Gurevych 2019); all its weights are pretrained.

    It learns from rows of texts, which a sub-class's `encode` makes with `encode_texts`. Such a row is tokenized as its
    texts one after another, each from [CLS] to [SEP], and its logits are a vector for each of them.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        pooling: "mean" or "max" over the tokens, [CLS] and [SEP] included, as sentence-transformers has it; "cls" for
            the last layer's vector of [CLS], without BERT's pooler.
        temperature: Divides the cosines in the loss.
    """

    task = contract.EMBEDDING
    kind = "bert"
    config_keys: ClassVar[tuple[str, ...]] = ("pooling", "temperature")
    rows_apart = False
    pretrained = True

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        *,
        pooling: str = "mean",
        temperature: float = 0.05,
    ) -> None:
        self.backbone = backbone
        self.pooling = pooling
        self.temperature = temperature
        self.head_input = cast(Pooling, "first" if pooling == "cls" else pooling)
        super().__init__(bert_network(backbone, self.head_input), preprocessor, ())

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns pooling and the loss's temperature."""
        del labels
        return {"pooling": settings.pooling or "mean", "temperature": settings.temperature}

    def encode_texts(self, columns: Sequence[Sequence[str]]) -> EncodedRows:
        """Tokenizes rows of texts.

        Args:
            columns: P columns of N texts each: a query, what belongs to it, and what does not; of the latter, an empty
                text is none.

        Returns:
            Rows, each its P texts one after another; and as targets int32[N, P], the same number for texts of the same
            tokens, -1 for none.
        """
        token_columns = [self.preprocessor.tokenize(texts) for texts in columns]
        rows = tf.concat([tf.RaggedTensor.from_row_splits(*texts) for texts in token_columns], axis=1)
        codes_by_text: dict[bytes, int] = {}
        codes = np.stack([_codes(codes_by_text, *texts) for texts in token_columns], axis=1)
        empty_key = self.preprocessor.tokenize([""])[0].tobytes()
        codes[:, 2:][codes[:, 2:] == codes_by_text.get(empty_key, -1)] = -1
        return EncodedRows(rows.values.numpy(), rows.row_splits.numpy(), codes)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network on rows, ragged int32[N, (T)], of P texts one after another, P the same for all.

        Returns:
            float32[N, P, H], each vector of length 1.
        """
        starts = tf.where(ids.values == self.preprocessor.cls_id)[:, 0]
        vectors = super().logits(tf.RaggedTensor.from_row_starts(ids.values, starts, validate=False), training=training)
        rows = ids.nrows(tf.int32)
        positions = tf.shape(vectors)[0] // tf.maximum(rows, 1)
        return tf.reshape(vectors, [rows, tf.maximum(positions, 1), vectors.shape[-1]])

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns each row's loss of telling its candidate from the batch's others, float32[N]; see `pair_losses`."""
        return pair_losses(logits, targets, self.temperature)

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `embedding`, by the contract: the vector of each row's first text."""
        return {"embedding": logits[:, 0]}


def _codes(codes_by_text: dict[bytes, int], ids: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Numbers texts by their tokens, int32[N]; `codes_by_text` holds the numbers so far."""
    pieces = (ids[start:end].tobytes() for start, end in pairwise(splits))
    return np.fromiter(
        (codes_by_text.setdefault(text, len(codes_by_text)) for text in pieces), np.int32, len(splits) - 1
    )
