"""Distillation: a small model learns to answer, and to read, as a large one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from tfapp.config import DistillationSettings, Experiment
from tfapp.errors import ModelError, TrainingError
from tfapp.models import BertModel, Preset, student_preset
from tfapp.models.student import chosen_layers
from tfapp.training.steps import make_predictor, predict_logits
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["Distillation", "cut_teacher"]


@dataclass(frozen=True)
class Distillation:
    """The objective of a student's steps: the labels' loss, and the distance of its logits and of its layers' vectors.

    With several teachers p_1, ..., p_M (an ensemble; Hinton et al. 2015) the student's answers are compared with their
    mean probabilities, 1 / M * sum of softmax(z_m / temperature), which no single one of them need give.

    Attributes:
        student: Learns.
        teachers: Do not; their variables were made under the same strategy.
        settings: Temperature and weights.

    Raises:
        ModelError: The two do not go together.
    """

    student: BertModel
    teachers: tuple[BertModel, ...]
    settings: DistillationSettings

    def __post_init__(self) -> None:
        for name, teacher in zip(self.settings.teachers, self.teachers, strict=True):
            _check_pair(self.student, teacher, self.settings, name)

    def prepare(self, split: TokenizedSplit) -> TokenizedSplit:
        """Returns the split to learn from, with the teachers' logits where none need read along for its vectors."""
        if self.settings.hidden_weight:
            return split
        logits = [
            predict_logits(make_predictor(teacher, split.targets), split.texts, split.targets)
            for teacher in self.teachers
        ]
        mean = logits[0] if len(logits) == 1 else self.student.mean_logits(logits, self.settings.temperature)
        return replace(split, targets=(split.targets, mean))

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss as a sum over a batch's rows and its divisor, as `TaskModel.batch_loss` does."""
        if self.settings.hidden_weight:
            losses = self._losses_with_states(ids, targets)
        else:
            labels, teacher_logits = targets
            losses = self._answers(labels, teacher_logits, self.student.logits(ids, training=True))
        return tf.reduce_sum(losses * weights), tf.reduce_sum(weights)

    def _losses_with_states(self, ids: tf.RaggedTensor, targets: tf.Tensor) -> tf.Tensor:
        teacher_logits, teacher_states = self.teachers[0].trace(ids)
        logits, states = self.student.trace(ids, training=True)
        layer_numbers = chosen_layers(len(teacher_states), len(states))
        mask = tf.sequence_mask(ids.row_lengths(), tf.shape(states[0])[1], dtype=tf.float32)
        distances = [
            _distance(tf.stop_gradient(teacher_states[number]), state, mask)
            for number, state in zip(layer_numbers, states, strict=True)
        ]
        answers = self._answers(targets, tf.stop_gradient(teacher_logits), logits)
        return answers + self.settings.hidden_weight * tf.add_n(distances) / len(distances)

    def _answers(self, targets: tf.Tensor, teacher_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        share, temperature = self.settings.soft_weight, self.settings.temperature
        soft = self.student.soft_loss(teacher_logits, logits, temperature)
        return share * soft + (1 - share) * self.student.loss(targets, logits)


def cut_teacher(experiment: Experiment, teacher: BertModel) -> Preset | None:
    """Returns the student as a preset, where it is to be made of the teacher's layers.

    Raises:
        TrainingError: The teacher has fewer layers.
    """
    settings = experiment.distillation
    if settings is None or settings.layers is None:
        return None
    num_layers = int(teacher.backbone.num_layers)
    if settings.layers > num_layers:
        raise TrainingError(f"distillation.layers is {settings.layers}, but the teacher has {num_layers}; take fewer")
    return student_preset(teacher, settings.layers, settings.teachers[0])


def _check_pair(student: BertModel, teacher: BertModel, settings: DistillationSettings, name: str) -> None:
    vocabularies = [(model.preprocessor.vocabulary, model.preprocessor.lowercase) for model in (student, teacher)]
    if vocabularies[0] != vocabularies[1]:
        raise ModelError(
            f"model.preset has another vocabulary than distillation.teacher {name}, which reads the "
            "student's tokens; take a preset with the same, or set distillation.layers"
        )
    if not settings.hidden_weight:
        return
    layers, width = student.backbone.num_layers, student.backbone.hidden_dim
    teacher_layers, teacher_width = teacher.backbone.num_layers, teacher.backbone.hidden_dim
    if width != teacher_width or layers > teacher_layers or not teacher.reads_whole_rows:
        raise ModelError(
            f"distillation.hidden_weight is {settings.hidden_weight:g}, but the student's {layers} layers of {width} "
            f"and the teacher's {teacher_layers} of {teacher_width} cannot be compared one by one over whole texts; "
            "set it to 0"
        )


def _distance(teacher_state: tf.Tensor, state: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference over a text's tokens and their vectors, float32[N] (Jiao et al. 2020)."""
    distances = tf.reduce_mean(tf.square(tf.cast(teacher_state, tf.float32) - tf.cast(state, tf.float32)), axis=-1)
    return tf.reduce_sum(distances * mask, axis=1) / tf.reduce_sum(mask, axis=1)
