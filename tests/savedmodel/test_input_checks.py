"""The exported graph itself, without a server's checks: whatever the shapes, it answers or refuses, and lives on."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tfapp_client import contract

from tests.toy_exports import CRASHES, TOY_MODELS, ToyExports, read_graph, write_unchecked
from tfapp.errors import ExportError
from tfapp.savedmodel.input_checks import unchecked_inputs
from tfapp.savedmodel.saved_model import complete_signatures
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.servables.servable import Servable
from tfapp.server.settings import BatchingSettings

# One model of each task, and one without a BERT; the others are further ways through the same tasks.
_QUICK = ("pooler", "pairs", "ranking", "embedding", "tagging", "answering", "lstm")
_MODELS = [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TOY_MODELS]
# All shapes up to rank 4 with sizes 0 to 3.
_SHAPES = [shape for rank in range(5) for shape in product(range(4), repeat=rank)]
_ROWS = 2
_PAIRS = 200
_CLASSIC = (
    contract.TensorSpec(contract.CLASSES, "string", 2),
    contract.TensorSpec(contract.SCORES, "float32", 2),
    contract.TensorSpec(contract.VALUES, "float32", 1),
)

_Shape = tuple[int, ...]


class Exported(NamedTuple):
    """A version, and its task."""

    folder: Path
    task: contract.Task
    loaded: Any

    def inputs(self, signature: str) -> list[str]:
        return sorted(self.loaded.signatures[signature].structured_input_signature[1])

    def ask(self, signature: str, shapes: Mapping[str, _Shape]) -> None:
        """Checks the answer to inputs of some shapes: one of as many rows, or INVALID_ARGUMENT."""
        value = self._example() if contract.EXAMPLES_INPUT in shapes else b"a b"
        tensors = {name: tf.constant(np.full(shape, value, object), tf.string) for name, shape in shapes.items()}
        is_valid = len(set(shapes.values())) == 1 and all(len(shape) == 1 for shape in shapes.values())
        if not is_valid:
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"is not compatible with|the same number of rows"):
                self.loaded.signatures[signature](**tensors)
            return
        answers = self.loaded.signatures[signature](**tensors)
        (rows,) = set(shapes.values())
        for spec in (*self.task.outputs, *_CLASSIC):
            if spec.name in answers:
                answer = answers[spec.name]
                assert (answer.shape[:1], answer.shape.rank, answer.dtype) == (rows, spec.rank, spec.dtype)

    def _example(self) -> bytes:
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a b"]))
        features = {spec.name: feature for spec in self.task.inputs}
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module", params=_MODELS, ids=str)
def export(request: pytest.FixtureRequest, toy_exports: ToyExports) -> Exported:
    folder, task = toy_exports.version(request.param), contract.TASKS[TOY_MODELS[request.param][0]]
    return Exported(folder, task, tf.saved_model.load(str(folder)))


def test_any_shape_of_one_input_is_answered_or_refused(export: Exported) -> None:
    for signature in export.loaded.signatures:
        inputs = export.inputs(signature)
        for name, shape in product(inputs, _SHAPES):
            export.ask(signature, dict.fromkeys(inputs, (_ROWS,)) | {name: shape})


def test_any_two_shapes_are_answered_or_refused(export: Exported) -> None:
    inputs = export.inputs(contract.DEFAULT_SIGNATURE)
    if len(inputs) == 1:
        return
    source = random.Random(5)
    pairs = [(source.choice(_SHAPES), source.choice(_SHAPES)) for _ in range(_PAIRS)]
    for pair in [*pairs, *product([(0,), (1,), (3,)], repeat=2)]:
        export.ask(contract.DEFAULT_SIGNATURE, dict(zip(inputs, pair, strict=True)))


def test_the_saved_graph_reads_its_inputs_by_the_check_alone(export: Exported) -> None:
    graph = read_graph(export.folder)
    assert unchecked_inputs(graph) == []
    checks = [node for function in graph.graph_def.library.function for node in function.node_def]
    names = [node.input[0] for node in checks if node.op == "EnsureShape" and len(node.attr["shape"].shape.dim) == 1]
    signatures = {key: signature for key, signature in graph.signature_def.items() if signature.inputs}
    assert set(signatures) == set(export.loaded.signatures)
    for definition in signatures.values():
        assert set(definition.inputs) <= set(names)


def test_its_signatures_still_say_their_shapes_and_requests_are_merged(export: Exported) -> None:
    for definition in read_graph(export.folder).signature_def.values():
        for info in definition.inputs.values():
            assert [dim.size for dim in info.tensor_shape.dim] == [-1]
            assert not info.tensor_shape.unknown_rank
    servable = Servable("toy", 1, export.folder, BatchScheduler(BatchingSettings()))
    merges = {key: signature.merges for key, signature in servable.signatures.items()}
    assert merges == dict.fromkeys(export.loaded.signatures, True)


@pytest.fixture(scope="module")
def unchecked_export(toy_exports: ToyExports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_unchecked(tmp_path_factory.mktemp("unchecked") / "1", toy_exports.model("lstm"))


def test_a_session_as_tensorflow_serving_has_it_refuses_them_too(toy_exports: ToyExports) -> None:
    folder = toy_exports.version("lstm")
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        definitions = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def
        for key, (alias, output) in {"serving_default": ("text", "score"), "classify": ("inputs", "scores")}.items():
            feed, fetch = definitions[key].inputs[alias].name, definitions[key].outputs[output].name
            for shape in CRASHES:
                with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
                    session.run(fetch, {feed: np.full(shape, b"", object)})
            assert len(session.run(fetch, {feed: np.full(0, b"", object)})) == 0


def test_a_graph_that_does_not_check_an_input_is_found(unchecked_export: Path) -> None:
    assert unchecked_inputs(read_graph(unchecked_export)) == ["classify/inputs", "serving_default/text"]


def test_such_a_graph_is_not_published(unchecked_export: Path) -> None:
    with pytest.raises(ExportError, match="does not check the shape of classify/inputs, serving_default/text"):
        complete_signatures(unchecked_export)
