"""A masked language model over BERT, by which a backbone learns from texts without labels."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models.base import EncodedRows
from tfapp.models.bert import BertModel
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import Preset
from tfapp.tasks.pretraining.masking import Masker, make_blocks, to_dense
from tfapp.tasks.pretraining.prediction_head import load_prediction_head, write_preset
from tfapp.tasks.pretraining.settings import PRETRAINING_CONTRACT, MaskingSettings, PretrainingModelSettings

__all__ = ["LanguageModel", "TokenPredictor", "compare_guesses", "prediction_head"]

# More tokens than any text; the preprocessor takes 256 bytes a token, and TensorFlow's strings have 2^31.
_WHOLE: Final = 1 << 22
# Masks of evaluations are the same for every seed, so that runs compare.
_EVALUATION_SEED: Final = 0


class TokenPredictor(BertModel):
    """A model that learns to predict tokens of texts without labels, and leaves its BERT as a preset."""

    task = PRETRAINING_CONTRACT

    @classmethod
    def from_preset(cls, preset: Preset, labels: Sequence[str], settings: ModelSettings, *, dtype: str) -> Self:
        """Builds the model, with the preset's own prediction head where it has one, else with a new one."""
        model = super().from_preset(preset, labels, settings, dtype=dtype)
        load_prediction_head(Path(preset.handle), model.network.get_layer("prediction"))
        return model

    def batch_loss(self, ids: tf.RaggedTensor, targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the mean over the predicted tokens of all rows, as sum and number."""
        losses, _, counts = tf.unstack(self.score_tokens(ids, targets, training=True), axis=1)
        return tf.reduce_sum(losses * weights), tf.reduce_sum(counts * weights)

    def evaluation_outputs(self, ids: tf.RaggedTensor, targets: tf.Tensor) -> tf.Tensor:
        """Returns `score_tokens` of rows, dropout off; N may be 0."""
        return self.score_tokens(ids, targets, training=False)

    @abc.abstractmethod
    def score_tokens(self, ids: tf.RaggedTensor, targets: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns how well tokens are predicted.

        Args:
            ids: Ragged int32[N, (T)], as `encode` gives them.
            targets: [N, T], likewise.
            training: Whether dropout is on.

        Returns:
            float32[N, 3]: of each row the summed cross-entropy in nats, right predictions, predictions.
        """

    def write_products(self, folder: Path) -> None:
        """Writes the backbone as a Hugging Face checkpoint, `preset/`, which `model.preset` takes."""
        tokenizer = self.preprocessor
        head = self.network.get_layer("prediction")
        write_preset(folder / "preset", self.backbone, tokenizer.vocabulary, lowercase=tokenizer.lowercase, head=head)


class LanguageModel(TokenPredictor):
    """BERT that guesses masked tokens (Devlin et al. 2019), without the task of the next sentence.

    A row is a block of tokens, of one text or several. `encode` hides tokens once for all evaluations, `resample` anew
    for each epoch (Liu et al. 2019), in NumPy and ahead of the steps: so the masks depend on seed and epoch alone, not
    on the devices. The network computes logits at the masked positions only: the vocabulary is long.

    The pooler takes no part. It is saved and handed on as it came, and a fine-tuning with it starts from there.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer, whose limit is the longest block.
        masking: What is hidden.
    """

    kind = "bert"
    position_input = "mask_positions"

    def __init__(
        self, backbone: Any, preprocessor: Preprocessor, *, masking: MaskingSettings | Mapping[str, Any]
    ) -> None:
        self.backbone = backbone
        self.masking = MaskingSettings.model_validate(masking)
        share, whole_words = self.masking.share, self.masking.whole_words
        self._masker = Masker(preprocessor.vocabulary, share=share, whole_words=whole_words)
        super().__init__(_network(backbone), preprocessor, ())

    @classmethod
    def from_preset(cls, preset: Preset, labels: Sequence[str], settings: ModelSettings, *, dtype: str) -> Self:
        """Builds the model.

        Raises:
            ModelError: As the base class; or there is no [MASK].
        """
        if "[MASK]" not in preset.vocabulary:
            raise ModelError(
                f"preset {preset.name}: its vocabulary lacks [MASK], which pretraining needs; take another preset"
            )
        return super().from_preset(preset, labels, settings, dtype=dtype)

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the settings of the masking."""
        del labels
        return {"masking": PretrainingModelSettings.of(settings).masking}

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Makes blocks of texts and hides tokens of them, the same each time.

        Args:
            columns: `text`, texts of any length.

        Returns:
            M blocks, and as targets int32[M, T], the tokens to be guessed, -1 at all other positions.
        """
        pieces, starts = _without_marks(*self.preprocessor.with_max_length(_WHOLE).tokenize(columns["text"]))
        ids, splits = make_blocks(
            pieces,
            starts,
            max_length=self.preprocessor.max_length,
            cls=self.preprocessor.cls_id,
            sep=self.preprocessor.sep_id,
            pack=self.masking.pack,
        )
        inputs, hidden = self._masker.hide(ids, splits, np.random.default_rng(_EVALUATION_SEED))
        return EncodedRows(inputs, splits, to_dense(hidden, splits, -1))

    def resample(
        self, ids: np.ndarray, splits: np.ndarray, targets: Any, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the same blocks with other tokens hidden."""
        hidden = targets[np.arange(targets.shape[1]) < np.diff(splits)[:, None]]
        inputs, hidden = self._masker.hide(np.where(hidden < 0, ids, hidden), splits, random)
        return inputs, to_dense(hidden, splits, -1)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Guesses every token.

        Args:
            ids: Ragged int32[N, (T)]; N may be 0.
            training: Whether dropout is on.

        Returns:
            float32[N, T, V]: large.
        """
        inputs = self.preprocessor.pad(ids)
        rows, width = tf.unstack(tf.shape(inputs["token_ids"]))
        positions = tf.tile(tf.range(width)[None], [rows, 1])
        return self._guess(inputs, positions, training=training)[: ids.nrows(tf.int32)]

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy of each block's guesses, float32[N]."""
        losses, _, counts = tf.unstack(compare_guesses(targets[:, : tf.shape(logits)[1]], logits), axis=1)
        return tf.math.divide_no_nan(losses, counts)

    def own_config(self) -> dict[str, Any]:
        """Returns the settings of the masking."""
        return {"masking": self.masking.model_dump()}

    def score_tokens(self, ids: tf.RaggedTensor, targets: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns how well the masked tokens of blocks are guessed; targets are those of `encode`."""
        features = self.preprocessor.pad(ids)
        rows, width = tf.unstack(tf.shape(features["token_ids"]))
        true_ids = tf.pad(targets, [[0, rows - tf.shape(targets)[0]], [0, 0]], constant_values=-1)[:, :width]
        hidden = tf.cast(true_ids >= 0, tf.int32)
        max_count = tf.maximum(tf.reduce_max(tf.reduce_sum(hidden, axis=1)), 1)
        # Masked positions first; blocks with fewer than the most get others, which do not count.
        positions = tf.argsort(hidden, axis=1, direction="DESCENDING", stable=True)[:, :max_count]
        scores = compare_guesses(
            tf.gather(true_ids, positions, batch_dims=1), self._guess(features, positions, training=training)
        )
        return scores[: ids.nrows(tf.int32)]

    def _guess(self, inputs: dict[str, tf.Tensor], positions: tf.Tensor, *, training: bool) -> tf.Tensor:
        return self._runner(self.network)(inputs | {"mask_positions": positions}, training=training)["logits"]


def _network(backbone: Any) -> keras.Model:
    """Returns a network from the backbone's inputs and `mask_positions` int32[N, P] to `logits` float32[N, P, V].

    The pooled vector is there for the pooler to be saved with the rest.
    """
    positions = keras.Input((None,), dtype="int32", name="mask_positions")
    backbone.pooled_dense.trainable = False
    logits = prediction_head(backbone)(backbone.output["sequence_output"], positions)
    outputs = {"logits": logits, "pooled_output": backbone.output["pooled_output"]}
    return keras.Model({**backbone.input, "mask_positions": positions}, outputs, name="language_model")


def prediction_head(backbone: Any) -> Any:
    """Returns the layer from vectors of tokens, and positions int32[N, P], to logits float32[N, P, V].

    Its output matrix is the embedding, transposed (Press and Wolf 2017).
    """
    backbone.token_embedding.reverse_dtype = "float32"
    return keras_hub.layers.MaskedLMHead(
        token_embedding=backbone.token_embedding,
        intermediate_activation=lambda x: keras.activations.gelu(x, approximate=True),
        layer_norm_epsilon=1e-12,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        dtype="float32",
        name="prediction",
    )


def compare_guesses(true_ids: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns `TokenPredictor.score_tokens` from int32[N, P], -1 for no guess, and logits float32[N, P, V]."""
    mask = tf.cast(true_ids >= 0, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(true_ids, 0), logits) * mask
    right = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == true_ids, tf.float32)
    return tf.stack([tf.reduce_sum(values, axis=1) for values in (losses, right, mask)], axis=1)


def _without_marks(ids: np.ndarray, splits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows without their first and last token."""
    inner = np.ones(len(ids), bool)
    inner[splits[:-1]] = inner[splits[1:] - 1] = False
    return ids[inner], splits - 2 * np.arange(len(splits))
