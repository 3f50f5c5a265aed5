"""Small BERTs made of some layers of a large one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import keras_hub

from tfapp.models.bert import BertModel
from tfapp.models.heads import backbone_config
from tfapp.models.presets import Preset

__all__ = ["StudentPreset", "chosen_layers", "student_preset"]

_BESIDE_LAYERS: Final = (
    "token_embedding",
    "position_embedding",
    "segment_embedding",
    "embeddings_layer_norm",
    "pooled_dense",
)


@dataclass(frozen=True)
class StudentPreset(Preset):
    """A BERT that starts as some layers of another.

    Attributes:
        large: The other's `keras_hub.models.BertBackbone`.
        layers: The numbers of its layers, from 0.
    """

    large: Any
    layers: tuple[int, ...]

    def backbone(self, dtype: str = "float32") -> Any:
        """Returns a new backbone with the weights of the chosen layers, the embeddings and the pooler."""
        sizes = backbone_config(self.large) | {"num_layers": len(self.layers)}
        student = keras_hub.models.BertBackbone(**sizes, dtype=dtype)
        for name in _BESIDE_LAYERS:
            student.get_layer(name).set_weights(self.large.get_layer(name).get_weights())
        for layer, number in zip(student.transformer_layers, self.layers, strict=True):
            layer.set_weights(self.large.transformer_layers[number].get_weights())
        return student


def student_preset(teacher: BertModel, layers: int, name: str) -> StudentPreset:
    """Returns some layers of a teacher's BERT.

    Args:
        teacher: A model over a BERT of at least so many layers.
        layers: How many.
        name: Names the preset.
    """
    tokenizer = teacher.preprocessor
    layer_numbers = chosen_layers(int(teacher.backbone.num_layers), layers)
    return StudentPreset(name, "", tokenizer.vocabulary, tokenizer.lowercase, teacher.backbone, layer_numbers)


def chosen_layers(teacher_layers: int, student_layers: int) -> tuple[int, ...]:
    """Returns which layer of a large BERT each layer of a small one stands for: evenly spaced, the last for the last.

    As TinyBERT maps them (Jiao et al. 2020): of 12 layers, 4 are 2, 5, 8 and 11.

    Args:
        teacher_layers: The large one's layers.
        student_layers: The small one's, at most as many.
    """
    return tuple(round((number + 1) * teacher_layers / student_layers) - 1 for number in range(student_layers))
