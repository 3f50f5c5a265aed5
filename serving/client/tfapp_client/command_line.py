"""The command `tfapp-client`, which calls models from a terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfapp_client import codec
from tfapp_client.arguments import connection_arguments, parse_arguments
from tfapp_client.async_client import AsyncClient
from tfapp_client.bench import LoadProfile, LoadResult, run_load
from tfapp_client.client import Client
from tfapp_client.errors import ClientError
from tfapp_client.results import ModelMetadata, Signature, TensorInfo
from tfapp_client.task_commands import COMMANDS
from tfapp_client.terminal_text import json_line, one_line, printable

__all__ = ["main"]

_FAILED: Final = 1
_MISUSED: Final = 2
_INTERRUPTED: Final = 130
_SAMPLE_TEXT: Final = "The quick brown fox jumps over the lazy dog."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Those of the command line; None: the process's own.

    Returns:
        The exit status: 0; 1 where a call failed; 2 where an argument is wrong; 130 where it was interrupted.
    """
    parsed = parse_arguments(arguments)
    try:
        return _COMMANDS[parsed.command](parsed)
    except ClientError as error:
        return _complain(str(error), _FAILED)
    except (OSError, TypeError, ValueError) as error:
        return _complain(str(error), _MISUSED)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _complain(message: str, status: int) -> int:
    print(printable(f"tfapp-client: {message}"), file=sys.stderr)
    return status


def _print(line: str) -> None:
    print(printable(line))


def _predict(parsed: argparse.Namespace) -> int:
    inputs = _read_inputs(parsed.inputs)
    with Client(**connection_arguments(parsed)) as client:
        inputs = _typed(inputs, client.metadata(parsed.model, **_target(parsed)), parsed.signature)
        answer = client.predict(parsed.model, inputs, parsed.signature, parsed.output, **_target(parsed))
    plain = {name: _plain(array) for name, array in answer.items()}
    if parsed.json:
        _print_json(plain)
    else:
        for name, value in plain.items():
            _print(f"{one_line(name)}: {json_line(value)}")
    return 0


def _ask_task(parsed: argparse.Namespace) -> int:
    command = COMMANDS[parsed.command]
    with Client(**connection_arguments(parsed)) as client:
        rows = command.run(client, {"model": parsed.model, **_target(parsed)}, parsed)
    if parsed.json:
        _print_json(rows)
    else:
        for number, row in enumerate(rows, start=1):
            for line in command.lines(number, row):
                _print(line)
    return 0


def _status(parsed: argparse.Namespace) -> int:
    with Client(**connection_arguments(parsed)) as client:
        versions = client.status(parsed.model, version=parsed.version)
    if parsed.json:
        _print_json([asdict(version) for version in versions])
    else:
        for version in versions:
            _print(f"{version.version}\t{version.state}\t{one_line(version.error)}".rstrip())
    return 0


def _metadata(parsed: argparse.Namespace) -> int:
    with Client(**connection_arguments(parsed)) as client:
        metadata = client.metadata(parsed.model, **_target(parsed))
    if parsed.json:
        _print_json(asdict(metadata))
    else:
        _print(f"{one_line(metadata.model)} version {metadata.version}")
        for name, signature in metadata.signatures.items():
            _print(f"\n{one_line(name)} ({one_line(signature.method)})")
            for side, tensors in (("in", signature.inputs), ("out", signature.outputs)):
                for alias, info in tensors.items():
                    _print(f"  {side:<4}{one_line(alias)}: {_shape(info)}")
    return 0


def _bench(parsed: argparse.Namespace) -> int:
    load = LoadProfile(parsed.concurrency, parsed.rate, parsed.seconds, parsed.requests)
    figures, rows = asyncio.run(_measure(parsed, load))
    if parsed.json:
        how = {"concurrency": load.concurrency} if load.rate is None else {"rate": load.rate}
        _print_json({"address": parsed.address, "model": parsed.model, **how, **figures.as_dict(rows)})
    else:
        _print(figures.as_text(rows))
    return 0 if figures.latencies else _FAILED


async def _measure(parsed: argparse.Namespace, load: LoadProfile) -> tuple[LoadResult, int]:
    async with AsyncClient(**connection_arguments(parsed)) as client:
        metadata = await client.metadata(parsed.model, **_target(parsed))
        values = _sample(parsed, metadata) if parsed.inputs is None else _read_inputs(parsed.inputs)
        # Encoded once, so that it is the server that is measured.
        inputs = {name: codec.as_array(value) for name, value in _typed(values, metadata, parsed.signature).items()}

        async def call() -> Any:
            return await client.predict(parsed.model, inputs, parsed.signature, **_target(parsed))

        for _ in range(parsed.warm_up):
            await call()
        rows = next((array.shape[0] for array in inputs.values() if array.ndim), 1)
        return await run_load(call, load), rows


_COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "predict": _predict,
    **dict.fromkeys(COMMANDS, _ask_task),
    "status": _status,
    "metadata": _metadata,
    "bench": _bench,
}


def _target(parsed: argparse.Namespace) -> dict[str, Any]:
    return {"version": parsed.version, "label": parsed.label}


def _read_inputs(source: str) -> dict[str, Any]:
    if source == "-":
        source = sys.stdin.read()
    elif source.startswith("@"):
        source = Path(source[1:]).read_text(encoding="utf-8")
    try:
        inputs = json.loads(source)
    except json.JSONDecodeError as error:
        raise ValueError(f"INPUTS must be JSON: {error}") from error
    if not isinstance(inputs, dict):
        raise TypeError(f'INPUTS must be an object of lists by name, such as {{"x": [1, 2]}}, got {source:.80}')
    return inputs


def _typed(inputs: Mapping[str, Any], metadata: ModelMetadata, signature: str) -> dict[str, Any]:
    """Gives numbers the dtypes of the signature; inputs that it does not have stay, for the server to refuse."""
    infos = metadata.signatures.get(signature, Signature({}, {}, "")).inputs
    return {name: _as_dtype(name, value, infos.get(name)) for name, value in inputs.items()}


def _as_dtype(name: str, value: Any, info: TensorInfo | None) -> Any:
    if info is None or info.dtype in ("string", "bfloat16"):
        return value
    original = np.asarray(value)
    try:
        array = original.astype(info.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"input {name} must be {info.dtype}: {error}") from error
    if array.dtype.kind in "iu" and not np.array_equal(array, original):
        raise ValueError(f"input {name} must be {info.dtype}, got a number that is none: {json.dumps(value):.80}")
    return array


def _sample(parsed: argparse.Namespace, metadata: ModelMetadata) -> dict[str, list[str]]:
    signature = metadata.signatures.get(parsed.signature, Signature({}, {}, ""))
    if not signature.inputs or any(info.dtype != "string" for info in signature.inputs.values()):
        raise ValueError(
            f"signature {parsed.signature} of {parsed.model} takes other inputs than texts: give INPUTS; `tfapp-client "
            f"metadata {parsed.address} {parsed.model}` shows them"
        )
    texts = parsed.text or [_SAMPLE_TEXT]
    rows = len(texts) if parsed.rows is None else parsed.rows
    if rows < 1:
        raise ValueError(f"--rows must be 1 or more, got {rows}")
    return {name: list(islice(cycle(texts), rows)) for name in signature.inputs}


def _plain(array: Any) -> Any:
    """Returns an array as JSON values; bytes that are no UTF-8 are replaced."""
    if array.dtype.kind == "O":
        return codec.decode_text(array) if array.ndim else codec.decode_text(array.reshape(1))[0]
    return array.tolist()


def _shape(info: TensorInfo) -> str:
    shape = "any rank" if info.shape is None else ", ".join("?" if size < 0 else str(size) for size in info.shape)
    return f"{info.dtype} [{shape}]"


def _print_json(value: Any) -> None:
    _print(json_line(value))
