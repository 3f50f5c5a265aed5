"""The contract between an exported model and its callers.

The one place that names tasks, signatures, tensors and dtypes: the exporter writes by it, the client and the
server's checks read by it. The first dimension of every input and output is the batch, so that a server may
merge requests into one batch and split the answer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

__all__ = [
    "ANSWERING",
    "CHECKS_INPUTS",
    "CLASSES",
    "CLASSIFICATION",
    "CLASSIFY_METHOD",
    "CLASSIFY_SIGNATURE",
    "DEFAULT_SIGNATURE",
    "EMBEDDING",
    "EXAMPLES_INPUT",
    "METADATA_FILE",
    "PAIR_CLASSIFICATION",
    "PAIR_REGRESSION",
    "RANKING",
    "REGRESSION",
    "REGRESS_METHOD",
    "REGRESS_SIGNATURE",
    "SCORES",
    "TAGGING",
    "TASKS",
    "VALUES",
    "WARMUP_FILE",
    "Task",
    "TensorSpec",
]

DEFAULT_SIGNATURE: Final = "serving_default"
CLASSIFY_SIGNATURE: Final = "classify"
REGRESS_SIGNATURE: Final = "regress"

# The method names and tensor names that TensorFlow Serving's Classify and Regress calls ask for
# (tensorflow/python/saved_model/signature_constants.py).
CLASSIFY_METHOD: Final = "tensorflow/serving/classify"
REGRESS_METHOD: Final = "tensorflow/serving/regress"
EXAMPLES_INPUT: Final = "inputs"
CLASSES: Final = "classes"
SCORES: Final = "scores"
VALUES: Final = "outputs"

# Files beside the graph, relative to a version's folder.
METADATA_FILE: Final = "assets.extra/tfapp.json"
# In that file: whether the graph itself checks the shapes of its inputs.
CHECKS_INPUTS: Final = "checks_inputs"
WARMUP_FILE: Final = "assets.extra/tf_serving_warmup_requests"


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a signature.

    Attributes:
        name: The alias that a request or an answer carries.
        dtype: "string", "float32", "int32" or "bool".
        rank: Number of dimensions, the batch included.
        optional: Present only when the model was exported with the feature it belongs to.
    """

    name: str
    dtype: str
    rank: int
    optional: bool = False


@dataclass(frozen=True)
class Task:
    """The inputs and outputs of a task's `serving_default` signature."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def fits(self, inputs: Collection[str], outputs: Collection[str]) -> bool:
        """Returns whether a signature of these inputs and outputs can be called as this task."""
        required_outputs = {tensor.name for tensor in self.outputs if not tensor.optional}
        return set(inputs) == {tensor.name for tensor in self.inputs} and required_outputs <= set(outputs)


_CLASSES_OUT = (
    TensorSpec("label", "string", 1),
    TensorSpec("score", "float32", 1),
    TensorSpec("probabilities", "float32", 2),
    TensorSpec("labels", "string", 2),
    TensorSpec("chosen", "bool", 2, optional=True),
    TensorSpec("unknown_score", "float32", 1, optional=True),
)
_TEXT = (TensorSpec("text", "string", 1),)
_PAIR = (TensorSpec("query", "string", 1), TensorSpec("candidate", "string", 1))

CLASSIFICATION: Final = Task("classification", _TEXT, _CLASSES_OUT)
PAIR_CLASSIFICATION: Final = Task("pair-classification", _PAIR, _CLASSES_OUT)
REGRESSION: Final = Task("regression", _TEXT, (TensorSpec("score", "float32", 1),))
RANKING: Final = Task("ranking", _PAIR, (TensorSpec("score", "float32", 1),))
PAIR_REGRESSION: Final = Task("pair-regression", _PAIR, (TensorSpec("score", "float32", 1),))
TAGGING: Final = Task(
    "tagging",
    _TEXT,
    (
        TensorSpec("tag", "string", 2),
        TensorSpec("start", "int32", 2),
        TensorSpec("end", "int32", 2),
        TensorSpec("score", "float32", 2),
    ),
)
ANSWERING: Final = Task(
    "answering",
    (TensorSpec("question", "string", 1), TensorSpec("context", "string", 1)),
    (
        TensorSpec("answer", "string", 1),
        TensorSpec("start", "int32", 1),
        TensorSpec("end", "int32", 1),
        TensorSpec("score", "float32", 1),
    ),
)
EMBEDDING: Final = Task("embedding", _TEXT, (TensorSpec("embedding", "float32", 2),))

TASKS: Final[dict[str, Task]] = {
    task.name: task
    for task in (
        CLASSIFICATION,
        PAIR_CLASSIFICATION,
        REGRESSION,
        RANKING,
        PAIR_REGRESSION,
        TAGGING,
        ANSWERING,
        EMBEDDING,
    )
}
