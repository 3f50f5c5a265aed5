"""A model over a pretrained BERT that finds the part of a context which answers a question, or says that none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.base import EncodedRows
from tfapp.models.bert import BertModel
from tfapp.models.heads import Pooling, bert_network
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.answering.answer_spans import MASKED_LOGIT, BestSpans, find_spans
from tfapp.tasks.answering.settings import AnsweringModelSettings
from tfapp.tasks.answering.windows import (
    AnswerWindows,
    SplitContexts,
    join_windows,
    logits_in_chunks,
    split_contexts,
)

__all__ = ["Answerer"]

# Rows that are tokenized at a time outside a graph.
_CHUNK: Final = 1024


class Answerer(BertModel):
    """BERT on [CLS] question [SEP] window of the context [SEP], dropout, a logit for start and end of each token.

    After Devlin et al. 2019, sections 4.2 and 4.3: [CLS] stands for "no answer in this window", which a window is
    taught unless it holds one of the answers whole. An answer begins and ends with a word piece. A long question is
    cut, a long context is not: it is read in several windows.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer; its limit is that of a row.
        no_answer: The model may say that a context does not answer; else there is always an answer.
        threshold: With `no_answer`, the log odds of the best span against "no answer" above which it is the answer.
        stride: Tokens from one window's first to the next one's, at most; None: half a window.
        max_windows: Windows of a context that are read.
        max_answer_length: Longest answer in tokens.
        dropout: Rate before the dense layer.
        calibration: As in `TaskModel`; its temperature divides the logits of which scores are made.
    """

    task = contract.ANSWERING
    kind = "bert"
    config_keys = ("no_answer", "threshold", "stride", "max_windows", "max_answer_length", "dropout")
    head_input: Pooling = "tokens"
    calibration: TemperatureScaling

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        *,
        no_answer: bool = False,
        threshold: float = 0.0,
        stride: int | None = None,
        max_windows: int = 64,
        max_answer_length: int = 30,
        dropout: float = 0.1,
        calibration: Mapping[str, Any] | None = None,
    ) -> None:
        self.backbone = backbone
        self.no_answer = no_answer
        self.threshold = threshold
        self.stride = stride
        self.max_windows = max_windows
        self.max_answer_length = max_answer_length
        self.dropout = dropout
        self.calibration = TemperatureScaling.from_config(calibration)
        super().__init__(bert_network(backbone, self.head_input, units=2, dropout=dropout), preprocessor, ())
        text = tf.TensorSpec([None], tf.string)
        # Traced once, for callers outside a graph.
        self._split = tf.function(partial(self._split_by, preprocessor), input_signature=[text, text])

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments: no answer where train has rows without one, windows, longest answer, dropout."""
        own_settings = AnsweringModelSettings.of(settings)
        no_answer = len(labels) > 1 if own_settings.no_answer is None else own_settings.no_answer
        names = {"stride", "max_windows", "max_answer_length", "dropout"}
        return {"no_answer": no_answer, **own_settings.model_dump(include=names)}

    def own_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as the base class, and the temperature."""
        return super().own_config() | {"calibration": asdict(self.calibration)}

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Splits contexts into windows, and finds the answers in them.

        Args:
            columns: N values each: `question`, `context`, and `label`, the answers as pairs of start and end in code
                points.

        Returns:
            M windows; targets int32[M, 2], the first and the last token of an answer in the window's row, 0 for none;
            and the `AnswerWindows` as positions.
        """
        texts = [columns[name] for name in self.inputs]
        parts = [
            self._split(*(tf.constant(list(column[start : start + _CHUNK]), tf.string) for column in texts))
            for start in range(0, max(len(texts[0]), 1), _CHUNK)
        ]
        ids = tf.concat([part.ids for part in parts], axis=0)
        windows = join_windows([part.windows for part in parts])
        return EncodedRows(ids.values.numpy(), ids.row_splits.numpy(), _targets(windows, columns["label"]), windows)

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy of start and end.

        Args:
            targets: int32[M, 2], as `encode` gives them.
            logits: float32[M, T, 2], masked.

        Returns:
            float32[M].
        """
        start_and_end = tf.transpose(logits, [0, 2, 1])
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, start_and_end), axis=1)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network.

        Args:
            ids: Ragged int32[M, (T)], rows of windows.
            training: Whether dropout is on.

        Returns:
            float32[M, T, 2], of start and end; masked outside the window and [CLS].
        """
        logits = super().logits(ids, training=training)
        inputs = self.pad(ids)
        # The last [SEP] is the token that none follows.
        has_next = tf.pad(inputs["padding_mask"][:, 1:], [[0, 0], [0, 1]])
        inside = (inputs["segment_ids"] * has_next)[: ids.nrows(tf.int32)] > 0
        legal = inside | (tf.range(tf.shape(logits)[1]) == 0)[None, :]
        return tf.where(legal[:, :, None], logits, MASKED_LOGIT)

    def find(self, logits: tf.Tensor, windows: AnswerWindows, temperature: float | None = None) -> BestSpans:
        """Returns the best span of each of N questions, from its windows' logits float32[M, T, 2].

        Its calibrated probabilities are by the model's own temperature, or by another.
        """
        (own_temperature,) = self.calibration.temperatures
        return find_spans(
            logits, windows, self.max_answer_length, own_temperature if temperature is None else temperature
        )

    def is_answered(self, spans: BestSpans) -> tf.Tensor:
        """Returns which of N questions the model answers; bool[N]."""
        has_span = spans.starts >= 0
        if not self.no_answer:
            return has_span
        return has_span & (spans.span_log_probabilities - spans.no_answer_log_probabilities > self.threshold)

    def scores(self, spans: BestSpans) -> tf.Tensor:
        """Returns how sure the model is of its answers to N questions; float32[N], 0..1, calibrated.

        It is the span's probability in its window, or, of no answer, the lowest that a window gives to it.
        """
        log_probabilities = spans.calibrated_span_log_probabilities, spans.calibrated_no_answer_log_probabilities
        return tf.exp(tf.where(self.is_answered(spans), *log_probabilities))

    def predict_text(
        self, inputs: Mapping[str, tf.Tensor], *, preprocessor: Preprocessor | None = None
    ) -> dict[str, tf.Tensor]:
        """Answers raw questions, as TensorFlow ops.

        Args:
            inputs: `question` and `context`, string[N].
            preprocessor: One with another limit than the model's own.

        Returns:
            `answer`, `start`, `end` and `score`, see `scores`.
        """
        split = self._split_by(preprocessor or self.preprocessor, inputs["question"], inputs["context"])
        spans = self.find(logits_in_chunks(self.logits, split.ids), split.windows)
        mask = self.is_answered(spans)
        start, end = (tf.where(mask, positions, -1) for positions in (spans.starts, spans.ends))
        first = tf.maximum(start, 0)
        return {
            "answer": tf.strings.substr(split.contexts, first, tf.maximum(end, 0) - first, unit="UTF8_CHAR"),
            "start": start,
            "end": end,
            "score": self.scores(spans),
        }

    def _split_by(self, preprocessor: Preprocessor, questions: tf.Tensor, contexts: tf.Tensor) -> SplitContexts:
        return split_contexts(preprocessor, questions, contexts, stride=self.stride, max_windows=self.max_windows)


def _targets(windows: AnswerWindows, labels: Sequence[Sequence[Sequence[int]]]) -> np.ndarray:
    """Returns the first answer of the question that the window holds whole, as positions in the row; int32[M, 2]."""
    bounds = windows.starts.row_splits.numpy()
    starts, ends = windows.starts.values.numpy(), windows.ends.values.numpy()
    targets = np.zeros((len(windows.owners), 2), np.int32)
    spans_by_question: dict[int, list[tuple[int, int]]] = {}
    columns = (values.numpy().tolist() for values in (windows.owners, windows.firsts, windows.sizes, windows.offsets))
    for number, (owner, begin, size, offset) in enumerate(zip(*columns, strict=True)):
        if owner not in spans_by_question:
            row = slice(bounds[owner], bounds[owner + 1])
            spans_by_question[owner] = [_tokens(starts[row], ends[row], *span) for span in labels[owner]]
        spans = (span for span in spans_by_question[owner] if begin <= span[0] <= span[1] < begin + size)
        targets[number] = next(((first - begin + offset, last - begin + offset) for first, last in spans), (0, 0))
    return targets


def _tokens(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> tuple[int, int]:
    """Returns the first and the last token that hold some of a span; the last before the first where none does."""
    return int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(starts, end, side="left")) - 1
