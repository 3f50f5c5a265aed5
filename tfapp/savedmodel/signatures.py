"""The signatures of an exported model, by the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, cast

import tensorflow as tf
from tfapp_client import contract

from tfapp.errors import ExportError
from tfapp.models import BertModel, TaskModel
from tfapp.savedmodel.encoder import PackedEncoder
from tfapp.savedmodel.input_checks import check_inputs, input_spec

__all__ = ["METHODS", "ServedModule", "classic_signature", "signatures"]

# The method name that TensorFlow Serving's Classify and Regress calls ask of a signature.
METHODS: Final = {
    contract.CLASSIFY_SIGNATURE: contract.CLASSIFY_METHOD,
    contract.REGRESS_SIGNATURE: contract.REGRESS_METHOD,
}


class ServedModule(tf.Module):
    """The module that is saved: it holds the variables that the graph of the SavedModel reads.

    Args:
        model: A trained model.
        max_length: Longest input in tokens; the rest is cut.
        encoder: What computes the model's logits in its network's place; None: the network itself.
    """

    def __init__(self, model: TaskModel, *, max_length: int, encoder: PackedEncoder | None = None) -> None:
        super().__init__(name="served")
        self._preprocessor = model.preprocessor.with_max_length(max_length)
        self.encoder = encoder
        weights = model.network.weights
        if encoder is not None:
            bert = cast(BertModel, model)
            model, weights = bert.with_inference(encoder), bert.weights_beside_network()
        self._model = model
        # The Keras model itself is not tracked: its own traces would be saved beside ours.
        self.weights = [variable.value for variable in weights]

    def answer(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the task's outputs for raw texts, string[N] by the name of each input."""
        return self._model.predict_text(inputs, preprocessor=self._preprocessor)


def signatures(module: ServedModule, task: contract.Task) -> dict[str, Callable[..., Any]]:
    """Returns the signatures of a task's SavedModel, tf.functions by name.

    Of the one whose outputs were checked it is the trace, which is what is saved.

    Raises:
        ExportError: The model's outputs are not those of the contract.
    """
    names = [spec.name for spec in task.inputs]

    @tf.function(input_signature=[input_spec(name) for name in names], autograph=False)
    def predict(*texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return module.answer(check_inputs(dict(zip(names, texts, strict=True))))

    trace = predict.get_concrete_function()
    _check_outputs(trace.structured_outputs, task)
    return {contract.DEFAULT_SIGNATURE: trace} | _classic(module, task)


def classic_signature(outputs: AbstractSet[str]) -> str:
    """Returns the signature of the Classify or Regress call that a task with these outputs has; empty: neither."""
    if {"labels", "probabilities"} <= outputs:
        return contract.CLASSIFY_SIGNATURE
    return contract.REGRESS_SIGNATURE if outputs == {"score"} else ""


def _classic(module: ServedModule, task: contract.Task) -> dict[str, Callable[..., Any]]:
    """Returns the signature for TensorFlow Serving's Classify or Regress call, if the task's outputs fit one."""
    features = {spec.name: tf.io.FixedLenFeature([], tf.string) for spec in task.inputs}
    examples = input_spec(contract.EXAMPLES_INPUT)

    def answer(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        (rows,) = check_inputs({contract.EXAMPLES_INPUT: inputs}).values()
        return module.answer(tf.io.parse_example(rows, features))

    @tf.function(input_signature=[examples], autograph=False)
    def classify(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = answer(inputs)
        return {contract.CLASSES: answers["labels"], contract.SCORES: answers["probabilities"]}

    @tf.function(input_signature=[examples], autograph=False)
    def regress(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {contract.VALUES: answer(inputs)["score"]}

    functions = {contract.CLASSIFY_SIGNATURE: classify, contract.REGRESS_SIGNATURE: regress}
    key = classic_signature({spec.name for spec in task.outputs})
    return {key: functions[key]} if key else {}


def _check_outputs(outputs: Mapping[str, tf.Tensor], task: contract.Task) -> None:
    for spec in task.outputs:
        tensor = outputs.get(spec.name)
        if tensor is None and spec.optional:
            continue
        if tensor is None or tensor.dtype.name != spec.dtype or tensor.shape.rank != spec.rank:
            raise ExportError(
                f"the model's output {spec.name} is {tensor}; the contract of {task.name} asks for "
                f"{spec.dtype} of rank {spec.rank}"
            )
    unknown = set(outputs) - {spec.name for spec in task.outputs}
    if unknown:
        raise ExportError(f"the model's outputs {sorted(unknown)} are not in the contract of {task.name}")
