"""The base class of models over a pretrained BERT: a backbone, and the layers on it."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import keras
import keras_hub
import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.models.adapters.adapter_file import backbone_fingerprint, is_pooler
from tfapp.models.base import TaskModel
from tfapp.models.compiled import CompiledNetwork
from tfapp.models.heads import Pooling, backbone_config, check_positions
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import Preset
from tfapp.models.text_pairs import ComparisonMethod

__all__ = ["BertModel"]


class BertModel(TaskModel):
    """A model whose network is a `keras_hub.models.BertBackbone` and a head on it.

    A sub-class's constructor takes `backbone`, `preprocessor`, and by name what `own_config` says, which are attributes
    of it. `arguments` chooses them for a training.

    Attributes:
        head_input: The output of the backbone that the rest of the network reads.
        config_keys: The names of `own_config`'s values.
        former_config_keys: Names of further values in the configs of earlier models, which are not read.
        comparison: How two texts' vectors become what the head reads, where the texts of a pair are read apart; None:
            a row is read as one.
        position_input: The network's input that says which positions the outputs belong to, where there is more than
            one per row.
        inference: What computes the logits of ids instead of the network; see `with_inference`.
        feature_inference: The same for the features that the head reads.
        reads_whole_rows: Whether a row within the preprocessor's limit passes through the network as one.
    """

    former_names: ClassVar[Mapping[str, str]] = {
        **TaskModel.former_names,
        "own": "config_keys",
        "places": "position_input",
        "reads": "head_input",
    }
    head_input: Pooling
    comparison: ComparisonMethod | None = None
    config_keys: ClassVar[tuple[str, ...]] = ()
    former_config_keys: ClassVar[tuple[str, ...]] = ()
    position_input: ClassVar[str] = "token_ids"
    inference: Callable[[tf.RaggedTensor], tf.Tensor] | None = None
    feature_inference: Callable[[tf.RaggedTensor], tf.Tensor] | None = None
    reads_whole_rows: bool = True

    @classmethod
    def from_preset(cls, preset: Preset, labels: Sequence[str], settings: ModelSettings, *, dtype: str) -> Self:
        """Returns a model on a pretrained backbone, with a new head, in a Keras dtype policy; the logits are float32.

        Raises:
            ModelError: The backbone has fewer positions than it is to read at once.
        """
        arguments = cls.arguments(labels, settings)
        backbone = cls.fit_backbone(preset.backbone(dtype), settings)
        build: Any = cls
        return build(backbone=backbone, preprocessor=preset.preprocessor(settings.max_length), **arguments)

    @classmethod
    @abc.abstractmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the constructor's arguments beside backbone and preprocessor, by name."""

    @classmethod
    def fit_backbone(cls, backbone: Any, settings: ModelSettings) -> Any:
        """Returns a preset's backbone as the model needs it.

        Raises:
            ModelError: It has fewer positions than it is to read at once.
        """
        check_positions(backbone, settings.max_length, "model.max_length")
        return backbone

    def check_length(self, max_length: int) -> None:
        """Checks that so many tokens can be read at once.

        Raises:
            ModelError: The backbone has fewer positions.
        """
        check_positions(self.backbone, max_length, "max_length")

    def own_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments beside backbone and preprocessor, as JSON values."""
        return {name: getattr(self, name) for name in self.config_keys}

    def config(self) -> dict[str, Any]:
        """Returns the backbone's sizes and `own_config`."""
        return {"backbone": backbone_config(self.backbone)} | self.own_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], preprocessor: Preprocessor, *, dtype: str) -> Self:
        """Builds the network that `config` described, with untrained weights."""
        return cls.on_backbone(keras_hub.models.BertBackbone(**config["backbone"], dtype=dtype), config, preprocessor)

    @classmethod
    def on_backbone(cls, backbone: Any, config: dict[str, Any], preprocessor: Preprocessor) -> Self:
        """Builds the network that `config` described on a backbone of the same sizes, which others may share."""
        build: Any = cls
        unread = {"backbone", *cls.former_config_keys}.difference(cls.config_keys)
        values = {name: value for name, value in config.items() if name not in unread}
        return build(backbone=backbone, preprocessor=preprocessor, **values)

    def with_inference(
        self,
        function: Callable[[tf.RaggedTensor], tf.Tensor],
        features: Callable[[tf.RaggedTensor], tf.Tensor] | None = None,
    ) -> Self:
        """Returns the same model with a function that answers as its network does, and cannot learn.

        The function makes float32[N, ...] of ragged int32[N, (T)], for N = 0 too; `features` makes of them what the
        head reads, float32[N, H].
        """
        clone = copy.copy(self)
        clone.inference, clone.feature_inference = function, features
        return clone

    def add_segments(self, ids: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
        """Returns ids and segments as the base class; for pairs that are read apart, two rows each and no segments."""
        if self.comparison is None:
            return super().add_segments(ids)
        return self.preprocessor.split_pairs(ids), None

    def weights_beside_backbone(self) -> list[Any]:
        """Returns the network's variables outside the backbone, without the states of random number generators."""
        backbone_ids = {id(weight) for weight in self.backbone.weights}
        head_weights = (weight for weight in self.network.weights if id(weight) not in backbone_ids)
        return [weight for weight in head_weights if "seed_generator" not in weight.path]

    def fingerprint(self) -> str:
        """Returns the fingerprint of the model's backbone as it is now; see `backbone_fingerprint`."""
        return backbone_fingerprint(self.backbone, self.preprocessor, pooler=self.reads_pooler)

    @property
    def output_layer(self) -> Any:
        """Returns the dense layer that makes the logits, of vectors or of tokens; None: the vectors are the output."""
        return next((layer for layer in self.network.layers if layer.name == "logits"), None)

    @property
    def reads_pooler(self) -> bool:
        """Returns whether the network reads the pooled vector of BERT."""
        return any(is_pooler(weight) for weight in self.network.weights)

    def weights_beside_network(self) -> list[Any]:
        """Returns the variables that answers need beside the network's own."""
        return []

    def _run(self, network: Any, ids: tf.RaggedTensor, *, training: bool) -> tf.Tensor:
        if self.inference is not None and network is self.network:
            return self.inference(ids)
        if self.feature_inference is not None and network is self._reader:
            return self.feature_inference(ids)
        return super()._run(self._runner(network), ids, training=training)

    def _runner(self, network: Any) -> Any:
        """Returns the network itself, or its wrapper that XLA compiles, made once for each network."""
        if not self.xla:
            return network
        if id(network) not in self._programs:
            widest = int(self.backbone.max_sequence_length)
            self._programs[id(network)] = CompiledNetwork(network, widest, self.position_input)
        return self._programs[id(network)]

    @cached_property
    def _programs(self) -> dict[int, CompiledNetwork]:
        return {}

    def trace(self, ids: tf.RaggedTensor, *, training: bool = False) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the logits, and the hidden states of each layer of the BERT, first to last, [N, T, H] each."""
        states: list[tf.Tensor] = []

        tracer = self._runner(self._tracer)

        def network(inputs: Any, *, training: bool) -> tf.Tensor:
            logits, *layers = tracer(inputs, training=training)
            states.extend(layers)
            return logits

        # A model of its own with another network: whatever `logits` does beside it is done here too.
        clone = copy.copy(self)
        clone.network = network
        clone.inference = None
        clone.xla = False
        return clone.logits(ids, training=training), states

    @cached_property
    def _tracer(self) -> keras.Model:
        layers = [layer.output for layer in self.backbone.transformer_layers]
        return keras.Model(self.network.input, [self.network.output, *layers], name="tracer")
