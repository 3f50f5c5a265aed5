"""A tagger over a pretrained BERT: spans in a text, such as names of persons and places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models.base import EncodedRows
from tfapp.models.bert import BertModel
from tfapp.models.heads import Pooling, bert_network
from tfapp.models.preprocessor import Preprocessor
from tfapp.tasks.tagging import crf
from tfapp.tasks.tagging.bio_constraints import legal_transitions, tag_count
from tfapp.tasks.tagging.casing_features import split_casing, with_casing_segments
from tfapp.tasks.tagging.entity_spans import merge_words, tag_words
from tfapp.tasks.tagging.predicted_entities import to_entities
from tfapp.tasks.tagging.pretokenizer import Words, split_words
from tfapp.tasks.tagging.settings import TaggingModelSettings
from tfapp.tasks.tagging.windows import join_windows, overlap_windows

__all__ = ["TextTagger"]

# Texts that are split at a time outside a training step.
_CHUNK: Final = 512
# Of a token whose tag is not asked for.
_NO_TAG: Final = -1

# There is no Python control flow over tensors here, and autograph takes seconds to read what is called.
_as_it_is = tf.autograph.experimental.do_not_convert


class TextTagger(BertModel):
    """BERT, dropout and one dense layer on the first piece of each word, as Devlin et al. 2019 tag names.

    A word is what BERT's basic tokenizer makes of the text, in training and in the served graph alike: "don't" is three
    words, whatever a data file's lines say. A word has a tag where a span overlaps it; every other piece is left out of
    the loss. Texts longer than the preprocessor's limit are read in windows that overlap, never cut.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer; its limit is the longest window.
        labels: The T types of spans.
        dropout: Rate before the dense layer.
        decoding: "constrained" for the best legal sequence of tags, "crf" for a CRF's, "greedy" for each word's best.
        class_weights: "balanced": in the loss, a tag's words count by how rare the tag is; "none": alike.
        word_shapes: The backbone is told how each word is written, as one of `CASING_KINDS` segments.
        words: "basic" as above, or "spaces": a word is what stands between two spaces.
    """

    task = contract.TAGGING
    kind = "bert"
    config_keys = ("labels", "dropout", "decoding", "word_shapes", "words")
    head_input: Pooling = "tokens"
    limit = "Longest window"

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        labels: Sequence[str],
        *,
        dropout: float = 0.1,
        decoding: str = "constrained",
        class_weights: str = "none",
        word_shapes: bool = False,
        words: str = "basic",
    ) -> None:
        self.backbone = backbone
        self.dropout = dropout
        self.decoding = decoding
        self.class_weights = class_weights
        self.word_shapes = word_shapes
        self.words = words
        # What `prepare` learns of train.
        self._words_a_text = 1.0
        self._weights = np.ones(tag_count(len(labels)), np.float32)
        super().__init__(self._build(backbone, len(labels)), preprocessor, labels)

    def _build(self, backbone: Any, types: int) -> keras.Model:
        network = bert_network(backbone, self.head_input, units=tag_count(types), dropout=self.dropout)
        if self.decoding != "crf":
            return network
        return keras.Model(network.input, crf.LearntTransitions(name="transitions")(network.output), name="tagger")

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments: the types of spans, dropout, decoding, class weights."""
        names = {"dropout", "decoding", "class_weights", "word_shapes", "words"}
        return {"labels": labels, **TaggingModelSettings.of(settings).model_dump(include=names)}

    @classmethod
    def fit_backbone(cls, backbone: Any, settings: ModelSettings) -> Any:
        """Gives the backbone a segment for each kind of casing, where the settings ask for it."""
        backbone = super().fit_backbone(backbone, settings)
        return with_casing_segments(backbone) if TaggingModelSettings.of(settings).word_shapes else backbone

    def tokenize(self, columns: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes whole texts, whatever their length."""
        return _join_words(list(self._split(columns["text"])))

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Tokenizes texts and gives each word's first piece its tag.

        Args:
            columns: `text`, and `label`: lists of spans with `start`, `end` and `label`.

        Returns:
            The tokens of `tokenize`, and as targets tags int32[N, T], -1 where none is asked for.

        Raises:
            ModelError: A span has a type that is none of the model's.
        """
        parts = list(self._split(columns["text"]))
        ids, splits = _join_words(parts)
        targets = np.full((len(splits) - 1, int(np.diff(splits).max(initial=0))), _NO_TAG, np.int32)
        words = (row for part in parts for row in part.rows())
        for target, (first, starts, ends), spans in zip(targets, words, columns["label"], strict=True):
            target[first] = self._tags(starts, ends, spans)
        return EncodedRows(ids, splits, targets)

    def word_borders(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Returns where the words of each text start and end, in code points; int32[W] each."""
        return ((starts, ends) for part in self._split(texts) for _, starts, ends in part.rows())

    def _tags(self, starts: np.ndarray, ends: np.ndarray, spans: Sequence[Mapping[str, Any]]) -> np.ndarray:
        try:
            return tag_words(starts, ends, spans, {label: number for number, label in enumerate(self.labels)})
        except KeyError as error:
            raise ModelError(
                f"label {error.args[0]!r} is none of the model's {len(self.labels)}: "
                f"{', '.join(self.labels[:8])}{', ...' if len(self.labels) > 8 else ''}"
            ) from error

    def prepare(self, targets: np.ndarray) -> None:
        """Learns how many words a text has in the mean and, for balanced weights, how rare each tag is."""
        counts = np.bincount(targets[targets != _NO_TAG], minlength=tag_count(len(self.labels)))
        self._words_a_text = max(float(counts.sum()) / max(len(targets), 1), 1.0)
        if self.class_weights == "balanced":
            # As scikit-learn has it; over train's words they are 1 in the mean.
            self._weights = (counts.sum() / (np.maximum(counts, 1) * max((counts > 0).sum(), 1))).astype(np.float32)

    @_as_it_is
    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network on texts of any length.

        Args:
            ids: Ragged int32[N, (T)], each row [CLS] ... [SEP]; N may be 0.
            training: Whether dropout is on.

        Returns:
            float32[N, T, 2 x types + 1], T the longest row; 0 for [CLS] and [SEP] and behind a text.
        """
        return self._logits(ids, self.preprocessor.max_length, training=training)

    def _logits(self, ids: tf.RaggedTensor, window: int, *, training: bool = False) -> tf.Tensor:
        windows = overlap_windows(ids, window)
        return join_windows(super().logits(windows.ids, training=training), windows)

    def add_segments(self, ids: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
        """Returns ids and segments; a word's casing is a segment."""
        if not self.word_shapes:
            return super().add_segments(ids)
        pieces, casing = split_casing(ids.values, len(self.preprocessor.vocabulary))
        return ids.with_values(pieces), ids.with_values(casing)

    @_as_it_is
    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each text, float32[N]: its words' sum, over the mean number of words of a text of train.

        So every word counts alike, as in a mean over all words, however many words its text has.

        Args:
            targets: As `encode` gives them; may be wider than the logits.
            logits: float32[N, T, K].
        """
        return self._losses(targets, logits, tf.constant(self._weights)) / self._words_a_text

    def word_losses(self, targets: np.ndarray, logits: np.ndarray) -> tuple[float, int]:
        """Returns the loss of all words, unweighted, in nats, and how many they are."""
        parts = (slice(start, start + _CHUNK) for start in range(0, len(targets), _CHUNK))
        losses = (self._losses(targets[part], tf.constant(logits[part]), 1.0) for part in parts)
        return sum(float(tf.reduce_sum(loss)) for loss in losses), int((targets != _NO_TAG).sum())

    def _losses(self, targets: tf.Tensor, logits: tf.Tensor, weights: Any) -> tf.Tensor:
        targets = tf.convert_to_tensor(targets)[:, : tf.shape(logits)[1]]
        mask = targets != _NO_TAG
        if self.decoding == "crf":
            scores, tags = (tf.ragged.boolean_mask(values, mask) for values in (logits, targets))
            lengths = tf.cast(tags.row_lengths(), tf.int32)
            return -crf.log_likelihood(scores.to_tensor(), tags.to_tensor(), lengths, self.transitions())
        tags = tf.maximum(targets, 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tags, logits)
        token_weights = tf.gather(weights * tf.ones(logits.shape[-1]), tags) * tf.cast(mask, tf.float32)
        return tf.reduce_sum(losses * token_weights, axis=1)

    @_as_it_is
    def predict_text(
        self, inputs: Mapping[str, tf.Tensor], *, preprocessor: Preprocessor | None = None
    ) -> dict[str, tf.Tensor]:
        """Finds the spans in raw texts, as TensorFlow ops.

        Args:
            inputs: `text`, string[N].
            preprocessor: One with another limit, which is the longest window.

        Returns:
            `tag`, `start`, `end` and `score`, by the contract.
        """
        words = self._words(inputs["text"], preprocessor or self.preprocessor)
        return self._outputs(self._logits(words.ids, (preprocessor or self.preprocessor).max_length), words)

    def find(self, texts: Sequence[str], logits: np.ndarray) -> list[list[dict[str, Any]]]:
        """Finds the spans in texts whose logits are known.

        Args:
            texts: N texts.
            logits: float32[N, T, K], as `logits` gives them.

        Returns:
            For each text its spans, as `tfapp.tasks.tagging.predicted_entities.to_entities` gives them.
        """
        entities = []
        for number, words in enumerate(self._split(texts)):
            part = slice(number * _CHUNK, (number + 1) * _CHUNK)
            outputs = self._eager_outputs(tf.constant(logits[part]), words)
            entities += to_entities({name: value.numpy() for name, value in outputs.items()}, texts[part])
        return entities

    def _outputs(self, logits: tf.Tensor, words: Words) -> dict[str, tf.Tensor]:
        scores = tf.gather(logits, words.first.to_tensor(), batch_dims=1)
        lengths = tf.cast(words.first.row_lengths(), tf.int32)
        if self.decoding == "greedy":
            tags = tf.argmax(scores, axis=-1, output_type=tf.int32)
        else:
            tags = crf.best_tags(scores, lengths, self.transitions())
        has_crf = self.decoding == "crf"
        chances = crf.marginals(scores, lengths, self.transitions()) if has_crf else tf.nn.softmax(scores)
        return merge_words(tags, tf.gather(chances, tags, batch_dims=2), words, self.labels)

    def weights_beside_network(self) -> list[Any]:
        """Returns the scores of neighbouring tags that a CRF has learnt."""
        return list(self.network.get_layer("transitions").weights) if self.decoding == "crf" else []

    def transitions(self) -> crf.Transitions:
        """Returns the scores of neighbouring tags by which sequences are found."""
        legal = legal_transitions(len(self.labels))
        return self.network.get_layer("transitions").constrain(legal) if self.decoding == "crf" else legal

    def _words(self, texts: tf.Tensor, preprocessor: Preprocessor) -> Words:
        return split_words(texts, preprocessor, casing=self.word_shapes, by_spaces=self.words == "spaces")

    def _split(self, texts: Sequence[str]) -> Iterator[Words]:
        for start in range(0, len(texts), _CHUNK):
            yield self._eager_split(tf.constant(list(texts[start : start + _CHUNK]), tf.string))

    @cached_property
    def _eager_split(self) -> Any:
        """Returns `_words` as a compiled function."""
        function = partial(self._words, preprocessor=self.preprocessor)
        return tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    @cached_property
    def _eager_outputs(self) -> Any:
        """Returns `_outputs` as a compiled function."""
        return tf.function(self._outputs, autograph=False, reduce_retracing=True)


def _join_words(parts: Sequence[Words]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the token ids of all texts after another, and row splits into them."""
    ids = np.concatenate([np.zeros(0, np.int32), *(part.ids.values.numpy() for part in parts)])
    lengths = np.concatenate([np.zeros(1, np.int64), *(part.ids.row_lengths().numpy() for part in parts)])
    return ids, np.cumsum(lengths)
