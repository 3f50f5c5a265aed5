"""Gives several commands the same options, which are read in one place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["add_options"]


def add_options(command: Callable[..., None], argument: str, reader: Callable[..., Any]) -> Callable[..., None]:
    """Returns a command that has the options of a reader, too, after its own.

    Args:
        command: Takes what the reader returns as one argument.
        argument: The name of that argument.
        reader: Has the options as keywords.
    """
    signature, extra = (inspect.signature(function, eval_str=True) for function in (command, reader))
    parameters = [
        *(item for name, item in signature.parameters.items() if name != argument),
        *extra.parameters.values(),
    ]

    @functools.wraps(command)
    def call(**values: Any) -> None:
        value = reader(**{name: values.pop(name) for name in extra.parameters})
        command(**values, **{argument: value})

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {item.name: item.annotation for item in parameters}
    return call
