"""SimCSE without labels (Gao et al. 2021): vectors of texts by contrast, from texts alone.

A text is read twice with dropout on, which draws other units each time: two vectors h and h+ that should be alike,
while those of the other texts in the batch should not. With cosines sim and the temperature tau = 0.05, the loss of
text i in a batch of N is

    -log( exp(sim(h_i, h+_i) / tau) / sum over j = 1..N of exp(sim(h_i, h+_j) / tau) ).

Dropout is all the noise there is. As in the paper, one pass over the texts suffices, and a low learning rate. Unlike
there, the vector is by default the mean of the tokens' vectors, as of sentence encoders, without a dense layer that is
only there in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import logsumexp

from tfapp.config import ModelSettings
from tfapp.core.rows import Row, to_rows
from tfapp.errors import ModelError
from tfapp.models import Embedder
from tfapp.models.base import EncodedRows
from tfapp.models.word_dropout import drop_words
from tfapp.tasks.pretraining.prediction_head import write_preset
from tfapp.tasks.pretraining.settings import PRETRAINING_CONTRACT

__all__ = ["SimCse", "self_retrieval"]

# Of the word pieces of a text that is to find itself, in evaluations.
_HIDDEN: Final = 0.3
# Hidden pieces of evaluations are the same for every seed, so that runs compare.
_EVALUATION_SEED: Final = 0


class SimCse(Embedder):
    """An embedder whose queries and candidates are the same texts, told apart by dropout alone.

    `encode` hides word pieces of each query, so that there is something to evaluate without labels and without dropout:
    whether a text with holes finds itself among all texts. `resample` gives the whole texts to learn from.

    The pooler takes no part. It is saved and handed on as it came.
    """

    task = PRETRAINING_CONTRACT
    kind = "simcse"
    former_config_keys = ("symmetric",)

    @classmethod
    def fit_backbone(cls, backbone: Any, settings: ModelSettings) -> Any:
        """Returns the backbone.

        Raises:
            ModelError: It has too few positions, or no dropout.
        """
        if not backbone.dropout:
            raise ModelError(
                f"preset {settings.preset}: its dropout is 0, but simcse tells a text's two vectors by it; "
                "take another preset"
            )
        return super().fit_backbone(backbone, settings)

    def rows(self, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Returns the texts."""
        return to_rows(columns, self.inputs)

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Tokenizes texts.

        Args:
            columns: `text`, N texts.

        Returns:
            Rows of each text with hidden pieces and, after it, whole; and as targets int32[N, 2], the same number for
            texts of the same tokens.
        """
        rows = self.encode_texts([columns["text"], columns["text"]])
        hidden = drop_words(rows.ids, self.preprocessor.vocabulary, _HIDDEN, np.random.default_rng(_EVALUATION_SEED))
        return EncodedRows(np.where(_is_query(rows.splits), hidden, rows.ids), rows.splits, rows.targets)

    def resample(
        self, ids: np.ndarray, splits: np.ndarray, targets: Any, random: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        """Returns each text whole, twice."""
        del random
        lengths = np.repeat(np.diff(splits) // 2, np.diff(splits))
        return ids[np.arange(len(ids)) + np.where(_is_query(splits), lengths, 0)], targets

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the pooler's weights, which are none of the network."""
        kernel, bias = self.backbone.pooled_dense.get_weights()
        return {"pooler_kernel": kernel, "pooler_bias": bias}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes the pooler's weights."""
        self.backbone.pooled_dense.set_weights([arrays["pooler_kernel"], arrays["pooler_bias"]])

    def write_products(self, folder: Path) -> None:
        """Writes the backbone as a Hugging Face checkpoint, `preset/`, which `model.preset` takes."""
        tokenizer = self.preprocessor
        write_preset(folder / "preset", self.backbone, tokenizer.vocabulary, lowercase=tokenizer.lowercase)


def _is_query(splits: np.ndarray) -> np.ndarray:
    """Returns which tokens are in the first half of their row, bool[sum of T]."""
    lengths = np.diff(splits)
    offsets = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
    return offsets < np.repeat(lengths // 2, lengths)


def self_retrieval(vectors: np.ndarray, codes: np.ndarray, temperature: float, *, block: int = 1 << 24) -> np.ndarray:
    """Lets each text with hidden pieces look for itself among all different texts.

    Args:
        vectors: float32[N, 2, H], of length 1: of the text with hidden pieces, and of the whole text.
        codes: int32[N, 2], the same number for the same text.
        temperature: Divides the cosines in the loss.
        block: Scores that are held at a time.

    Returns:
        float64[N, 3]: of each text the loss in nats, 1 where it comes first, and 1.
    """
    different = np.unique(codes[:, 1], return_index=True)[1]
    candidates, own = vectors[different, 1], np.searchsorted(codes[different, 1], codes[:, 0])
    parts = [np.zeros((0, 3))]
    size = max(block // max(len(different), 1), 1)
    for start in range(0, len(vectors), size):
        scores = vectors[start : start + size, 0].astype(np.float64) @ candidates.T / temperature
        numbers = own[start : start + size]
        right = scores[np.arange(len(scores)), numbers]
        losses = logsumexp(scores, axis=1) - right
        parts.append(np.stack([losses, scores.argmax(axis=1) == numbers, np.ones(len(scores))], axis=1))
    return np.concatenate(parts)
