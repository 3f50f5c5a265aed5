"""One signature of a loaded model: checks inputs, runs the model, merged with other requests or alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.eager import cancellation, execute
from tensorflow.python.eager import context as eager_context

from tfapp.server.batching.batch_request import Arrays
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.request_context import RequestContext, abandoned_error
from tfapp.server.request_errors import invalid_argument, request_error
from tfapp.server.servables.request_limits import RequestLimits, count_rows
from tfapp.server.servables.tensor_protos import as_array, as_tensor

__all__ = ["ServableSignature"]

# What a request of more rows holds until it is answered, its answer above all, is bounded in sum over all requests.
_MOST_UNCOUNTED_ROWS: Final = 64


class ServableSignature:
    """A signature of a loaded model, which is called with arrays.

    Requests are merged where it cannot change an answer: every input and output has a free first dimension and the
    inputs' other dimensions are fixed. `merges` says whether they are.

    Args:
        definition: The SignatureDef.
        function: The loaded signature.
        scheduler: Merges requests; None: each runs alone.
        check_shapes: Whether requests of other shapes than the signature's are refused before there is memory for
            them; else the graph decides.
        limits: What one request may ask for; None: anything.
    """

    def __init__(
        self,
        definition: Any,
        function: Any,
        scheduler: BatchScheduler | None,
        *,
        check_shapes: bool = False,
        limits: RequestLimits | None = None,
    ) -> None:
        self.definition = definition
        self._limits = limits or RequestLimits(sys.maxsize)
        self._function = function
        self._check_shapes = check_shapes
        self._shapes = {alias: _shape(info) for alias, info in definition.inputs.items()}
        self._inner_shapes = {alias: (shape or ())[1:] for alias, shape in self._shapes.items()}
        self._strings = {alias for alias, info in definition.inputs.items() if info.dtype == tf.string.as_datatype_enum}
        self.merges = scheduler is not None and self._may_merge()
        self._queue = scheduler.queue(self._run) if scheduler is not None and self.merges else None

    def run(
        self, inputs: Arrays, outputs: Sequence[str], context: RequestContext | None = None
    ) -> dict[str, NDArray[Any]]:
        """Runs the model on an array for each input, and returns the requested outputs.

        Without a context there is no deadline and no cancellation.

        Raises:
            RequestError: There are too many rows, the model failed on these inputs, the queue is full, or the
                caller's time is up.
        """
        rows = max([self.check_shape(alias, array.shape) for alias, array in inputs.items()], default=1)
        if self._check_shapes and len(inputs) > 1:
            _check_equal_rows(inputs)
        if context is None:
            with RequestContext() as endless:
                return self._answer(inputs, outputs, endless, rows)
        start = time.perf_counter()
        results = self._answer(inputs, outputs, context, rows)
        context.model_seconds = (context.model_seconds or 0.0) + time.perf_counter() - start
        return results

    def check_shape(self, alias: str, shape: Sequence[int]) -> int:
        """Checks that an input is not too large and, where shapes are checked, that its rank is the signature's.

        A rank is refused in the words of a graph that checks its inputs (`tfapp.savedmodel.input_checks`).

        Returns:
            The rows that it counts as.

        Raises:
            RequestError: It has more rows than a request may have, or another rank.
        """
        expected = self._shapes[alias]
        rows = count_rows(shape, expected, strings=alias in self._strings)
        self._limits.check(alias, shape, rows)
        if self._check_shapes and expected is not None and len(expected) != len(shape):
            raise invalid_argument(
                f"Shape of tensor {alias} {_brackets(shape)} is not compatible with expected shape "
                f"{_brackets(expected)}."
            )
        return rows

    def _run(self, inputs: Arrays, outputs: Collection[str]) -> dict[str, NDArray[Any]]:
        return self._convert_and_run(inputs, outputs, lambda tensors: self._function(**tensors))

    def _answer(
        self, inputs: Arrays, outputs: Sequence[str], context: RequestContext, rows: int
    ) -> dict[str, NDArray[Any]]:
        """Runs a request merged with others, or alone as long as its caller waits; a large one in its turn."""
        queue = self._queue if self._fits(inputs) else None
        if queue is None or rows > _MOST_UNCOUNTED_ROWS:
            context.hold(self._limits.turn(rows, context))
        if queue is not None:
            return queue.answer(inputs, outputs, context)
        return self._convert_and_run(inputs, outputs, lambda tensors: run_cancellable(self._function, tensors, context))

    def _convert_and_run(
        self, inputs: Arrays, outputs: Collection[str], run: Callable[[dict[str, tf.Tensor]], Any]
    ) -> dict[str, NDArray[Any]]:
        try:
            results = run(
                {alias: as_tensor(array, self.definition.inputs[alias].dtype) for alias, array in inputs.items()}
            )
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise request_error(error) from error
        return {alias: as_array(results[alias]) for alias in outputs}

    def _may_merge(self) -> bool:
        """Returns whether the first dimension of inputs and outputs is free, and all others of the inputs are known."""
        outputs = [_shape(info) for info in self.definition.outputs.values()]
        has_fixed_rows = all(shape and shape[0] is None and None not in shape[1:] for shape in self._shapes.values())
        return bool(self._shapes) and has_fixed_rows and all(shape and shape[0] is None for shape in outputs)

    def _fits(self, inputs: Arrays) -> bool:
        """Returns whether a request can be merged: it has the signature's shapes, and as many rows in every input."""
        rows = {array.shape[:1] for array in inputs.values()}
        has_inner = [array.shape[1:] == self._inner_shapes[alias] for alias, array in inputs.items()]
        return all(has_inner) and len(rows) == 1 and rows.pop() not in ((), (0,))


def _check_equal_rows(inputs: Arrays) -> None:
    if len({array.shape[:1] for array in inputs.values()}) > 1:
        shapes = " ".join(_brackets(array.shape[:1]) for array in inputs.values())
        raise invalid_argument(f"{' and '.join(inputs)} must have the same number of rows, got {shapes}")


def _brackets(shape: Sequence[int | None]) -> str:
    """Returns a shape as TensorFlow writes it."""
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"


def _shape(info: Any) -> tuple[int | None, ...] | None:
    """Returns the shape of a TensorInfo: None for a free dimension, None for all where the rank is unknown."""
    if info.tensor_shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in info.tensor_shape.dim)


# TensorFlow offers the like as `CancellationManager.get_cancelable_function`, but keeps the manager of the call in a
# global variable, so that calls of several threads would cancel each other (tensorflow/python/eager/cancellation.py).
# Here the manager is handed to the call itself, as `Context.call_function` does.
def run_cancellable(function: Any, tensors: Mapping[str, tf.Tensor], context: RequestContext) -> Any:
    """Calls a signature's function by its inputs' names, and stops it once its caller has gone or its time is up.

    A function that is no ConcreteFunction runs to its end.

    Raises:
        RequestError: It was stopped.
        tf.errors.OpError: It failed.
    """
    if set(getattr(function, "_arg_keywords", None) or ()) != set(tensors):
        return function(**tensors)
    manager = cancellation.CancellationManager()
    try:
        with context.on_cancel(manager.start_cancel):
            return _call(function, tensors, manager)
    except tf.errors.CancelledError as error:
        if context.is_active:
            raise
        raise abandoned_error(context, ran=True) from error


def _call(function: Any, tensors: Mapping[str, tf.Tensor], manager: Any) -> Any:
    inference, eager = function._inference_function, eager_context.context()
    flat = execute.execute_with_cancellation(
        inference.name.decode(),
        num_outputs=len(inference.function_type.flat_outputs),
        inputs=[*(tensors[name] for name in function._arg_keywords), *function.captured_inputs],
        attrs=tuple(chain(*eager.function_call_options.as_attrs().items())),
        ctx=eager,
        cancellation_manager=manager,
    )
    return inference.function_type.pack_output(flat)
