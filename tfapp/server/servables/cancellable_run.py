"""Runs a signature's function so that it ends when its caller has gone.

TensorFlow offers the like as `CancellationManager.get_cancelable_function`, but keeps the manager of the call in a
global variable, so that calls of several threads would cancel each other (tensorflow/python/eager/cancellation.py).
Here the manager is handed to the call itself, as `Context.call_function` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import cancellation, execute
from tensorflow.python.eager import context as eager_context

from tfapp.server.request_context import RequestContext, abandoned_error

__all__ = ["run_while_wanted"]


def run_while_wanted(function: Any, tensors: Mapping[str, tf.Tensor], context: RequestContext) -> Any:
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
    inference, running = function._inference_function, eager_context.context()
    flat = execute.execute_with_cancellation(
        inference.name.decode(),
        num_outputs=len(inference.function_type.flat_outputs),
        inputs=[*(tensors[name] for name in function._arg_keywords), *function.captured_inputs],
        attrs=tuple(chain(*running.function_call_options.as_attrs().items())),
        ctx=running,
        cancellation_manager=manager,
    )
    return inference.function_type.pack_output(flat)
