"""Answers the calls Classify, Regress and MultiInference: labels or numbers for `tf.Example`s.

Checks and texts as in tensorflow_serving/servables/tensorflow/classifier.cc, regressor.cc, multi_inference.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2
from tfapp_client import contract

from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.servables.predict import write_spec
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.servable_signature import ServableSignature

__all__ = ["classify", "count", "multi_inference", "regress", "run_classify", "run_regress"]

# A context is copied into each example: the copies take as much as the largest message may.
_MOST_COPIED: Final = 256 << 20


def classify(servable: Servable, request: Any, context: RequestContext | None = None) -> Any:
    """Answers a ClassificationRequest.

    Raises:
        RequestError: No such signature, one that cannot classify, no examples, or the model failed.
    """
    key = request.model_spec.signature_name or contract.DEFAULT_SIGNATURE
    answer = classification_pb2.ClassificationResponse()
    _write_classes(run_classify(servable, key, request.input, context), answer.result)
    write_spec(answer.model_spec, servable, key)
    return answer


def regress(servable: Servable, request: Any, context: RequestContext | None = None) -> Any:
    """Answers a RegressionRequest.

    Raises:
        RequestError: No such signature, one that cannot regress, no examples, or the model failed.
    """
    key = request.model_spec.signature_name or contract.DEFAULT_SIGNATURE
    answer = regression_pb2.RegressionResponse()
    _write_regressions(run_regress(servable, key, request.input, context), answer.result)
    write_spec(answer.model_spec, servable, key)
    return answer


def run_classify(
    servable: Servable, key: str, examples: Any, context: RequestContext | None
) -> dict[str, NDArray[Any]]:
    """Classifies a tensorflow.serving.Input by a signature; without a context there is no deadline and no cancellation.

    Returns:
        "classes", strings [N, K], or "scores", floats [N, K], or both.

    Raises:
        RequestError: See `classify`.
    """
    signature = _find(servable, key)
    results = _run(signature, examples, _classify_outputs(signature.definition), context)
    _check_classes(results)
    return results


def run_regress(servable: Servable, key: str, examples: Any, context: RequestContext | None) -> NDArray[Any]:
    """Returns floats [N] for the N examples of a tensorflow.serving.Input; arguments as of `run_classify`.

    Raises:
        RequestError: See `regress`.
    """
    signature = _find(servable, key)
    values = _run(signature, examples, _regress_outputs(signature.definition), context)[contract.VALUES]
    if values.size != len(values):
        raise invalid_argument(
            f"Expected output Tensor shape to be [batch_size] or [batch_size, 1] but got {list(values.shape)}"
        )
    return values.ravel()


def count(examples: Any) -> int:
    """Counts the examples of a tensorflow.serving.Input."""
    kind = examples.WhichOneof("kind")
    return len(getattr(examples, kind).examples) if kind else 0


def multi_inference(servable: Servable, request: Any, context: RequestContext | None = None) -> Any:
    """Answers a MultiInferenceRequest: several signatures of one model on the same examples.

    Raises:
        RequestError: The tasks name several models or one signature twice, or one of them failed.
    """
    _check_tasks(request.tasks)
    answer = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        key = task.model_spec.signature_name or contract.DEFAULT_SIGNATURE
        _find(servable, key, "Requested signature not found in model graph")
        if task.method_name not in _TASKS:
            raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        field, run, write = _TASKS[task.method_name]
        result = answer.results.add()
        write_spec(result.model_spec, servable, key)
        write(run(servable, key, request.input, context), getattr(result, field))
    return answer


def _find(servable: Servable, key: str, text: str = "No signature was found with the name") -> ServableSignature:
    signature = servable.signatures.get(key)
    if signature is None:
        raise invalid_argument(f"{text}: {key}")
    return signature


def _check_tasks(tasks: Sequence[Any]) -> None:
    keys: set[str] = set()
    for task in tasks:
        spec = task.model_spec
        if not spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if spec.name != tasks[0].model_spec.name:
            raise invalid_argument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        key = spec.signature_name or contract.DEFAULT_SIGNATURE
        if key in keys:
            raise invalid_argument(f"Duplicate evaluation of signature: {key}")
        keys.add(key)


def _classify_outputs(definition: Any) -> list[str]:
    _check_input(definition, "classification")
    if len(definition.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    outputs = [name for name in (contract.CLASSES, contract.SCORES) if name in definition.outputs]
    if not outputs:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least one of "
            f'"{contract.CLASSES}" or "{contract.SCORES}". Signature was: {definition}'
        )
    return outputs


def _regress_outputs(definition: Any) -> list[str]:
    if len(definition.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    _check_input(definition, "regression")
    if contract.VALUES not in definition.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {definition}")
    return [contract.VALUES]


def _check_input(definition: Any, task: str) -> None:
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if contract.EXAMPLES_INPUT not in definition.inputs:
        raise invalid_argument(f"No {task} inputs found in SignatureDef: {definition}")


def _run(
    signature: ServableSignature, examples: Any, outputs: Sequence[str], context: RequestContext | None
) -> dict[str, NDArray[Any]]:
    """Runs a signature on examples, and checks that every output has a row for each."""
    signature.check_shape(contract.EXAMPLES_INPUT, [count(examples)])
    records = _serialize(examples)
    rows = np.empty(len(records), dtype=object)
    rows[:] = records
    results = signature.run({contract.EXAMPLES_INPUT: rows}, outputs, context)
    for name, array in results.items():
        if array.ndim == 0 or len(array) != len(rows):
            shape = "[batch_size]" if name == contract.VALUES else "[batch_size num_classes]"
            raise invalid_argument(
                f'Expected "{name}" Tensor shape to be {shape} for {len(rows)} examples but got {list(array.shape)}'
            )
    return results


def _serialize(examples: Any) -> list[bytes]:
    """Returns serialized examples for `tf.io.parse_example`; the context is in each, and loses to its features."""
    kind = examples.WhichOneof("kind")
    context = b""
    if kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
        size, copies = len(context), len(examples.example_list_with_context.examples)
        if size * copies > _MOST_COPIED:
            raise invalid_argument(
                f"a context of {size} bytes for {copies} examples takes {size * copies} bytes, as each holds a copy; "
                f"at most {_MOST_COPIED} are taken: send fewer examples a request"
            )
    records = [context + item.SerializeToString() for item in getattr(examples, kind).examples] if kind else []
    if not records:
        raise invalid_argument("Input is empty.")
    return records


def _check_classes(results: Mapping[str, NDArray[Any]]) -> None:
    for name, array in results.items():
        if array.ndim != 2:
            raise invalid_argument(
                f'Expected "{name}" Tensor shape to be [batch_size num_classes] but got {list(array.shape)}'
            )
    labels, scores = results.get(contract.CLASSES), results.get(contract.SCORES)
    if labels is not None and scores is not None and labels.shape != scores.shape:
        raise invalid_argument("Tensors class and score should match in num_classes.")


def _write_classes(results: Mapping[str, NDArray[Any]], result: Any) -> None:
    labels, scores = results.get(contract.CLASSES), results.get(contract.SCORES)
    width = next(iter(results.values())).shape[1]
    names = labels.tolist() if labels is not None else None
    numbers = scores.tolist() if scores is not None else None
    for row in range(len(next(iter(results.values())))):
        classes = result.classifications.add().classes
        for column in range(width):
            item = classes.add()
            if names is not None:
                item.label = names[row][column].decode("utf-8", "replace")
            if numbers is not None:
                item.score = numbers[row][column]


def _write_regressions(values: NDArray[Any], result: Any) -> None:
    for value in values.tolist():
        result.regressions.add().value = value


# Where a task's result goes, what runs it and what writes it.
_TaskCall = tuple[str, Callable[[Servable, str, Any, RequestContext | None], Any], Callable[[Any, Any], None]]
_TASKS: Final[dict[str, _TaskCall]] = {
    contract.CLASSIFY_METHOD: ("classification_result", run_classify, _write_classes),
    contract.REGRESS_METHOD: ("regression_result", run_regress, _write_regressions),
}
