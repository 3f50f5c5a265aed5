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
    options = parse_arguments(arguments)
    try:
        return _COMMANDS[options.command](options)
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


def _predict(options: argparse.Namespace) -> int:
    inputs = _read_inputs(options.inputs)
    with Client(**connection_arguments(options)) as client:
        inputs = _cast(inputs, client.metadata(options.model, **_target(options)), options.signature)
        answer = client.predict(options.model, inputs, options.signature, options.output, **_target(options))
    values = {name: _plain(array) for name, array in answer.items()}
    if options.json:
        _print_json(values)
    else:
        for name, value in values.items():
            _print(f"{one_line(name)}: {json_line(value)}")
    return 0


def _ask_task(options: argparse.Namespace) -> int:
    command = COMMANDS[options.command]
    with Client(**connection_arguments(options)) as client:
        rows = command.run(client, {"model": options.model, **_target(options)}, options)
    if options.json:
        _print_json(rows)
    else:
        for number, row in enumerate(rows, start=1):
            for line in command.lines(number, row):
                _print(line)
    return 0


def _status(options: argparse.Namespace) -> int:
    with Client(**connection_arguments(options)) as client:
        versions = client.status(options.model, version=options.version)
    if options.json:
        _print_json([asdict(version) for version in versions])
    else:
        for version in versions:
            _print(f"{version.version}\t{version.state}\t{one_line(version.error)}".rstrip())
    return 0


def _metadata(options: argparse.Namespace) -> int:
    with Client(**connection_arguments(options)) as client:
        metadata = client.metadata(options.model, **_target(options))
    if options.json:
        _print_json(asdict(metadata))
    else:
        _print(f"{one_line(metadata.model)} version {metadata.version}")
        for name, signature in metadata.signatures.items():
            _print(f"\n{one_line(name)} ({one_line(signature.method)})")
            for direction, tensors in (("in", signature.inputs), ("out", signature.outputs)):
                for alias, info in tensors.items():
                    _print(f"  {direction:<4}{one_line(alias)}: {_shape(info)}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    load = LoadProfile(options.concurrency, options.rate, options.seconds, options.requests)
    figures, rows = asyncio.run(_run_bench(options, load))
    if options.json:
        how = {"concurrency": load.concurrency} if load.rate is None else {"rate": load.rate}
        _print_json({"address": options.address, "model": options.model, **how, **figures.as_dict(rows)})
    else:
        _print(figures.as_text(rows))
    return 0 if figures.latencies else _FAILED


async def _run_bench(options: argparse.Namespace, load: LoadProfile) -> tuple[LoadResult, int]:
    async with AsyncClient(**connection_arguments(options)) as client:
        metadata = await client.metadata(options.model, **_target(options))
        values = _sample(options, metadata) if options.inputs is None else _read_inputs(options.inputs)
        # Encoded once, so that it is the server that is measured.
        inputs = {name: codec.as_array(value) for name, value in _cast(values, metadata, options.signature).items()}

        async def call() -> Any:
            return await client.predict(options.model, inputs, options.signature, **_target(options))

        for _ in range(options.warm_up):
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


def _target(options: argparse.Namespace) -> dict[str, Any]:
    return {"version": options.version, "label": options.label}


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


def _cast(inputs: Mapping[str, Any], metadata: ModelMetadata, signature: str) -> dict[str, Any]:
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


def _sample(options: argparse.Namespace, metadata: ModelMetadata) -> dict[str, list[str]]:
    signature = metadata.signatures.get(options.signature, Signature({}, {}, ""))
    if not signature.inputs or any(info.dtype != "string" for info in signature.inputs.values()):
        raise ValueError(
            f"signature {options.signature} of {options.model} takes other inputs than texts: give INPUTS; `tfapp-"
            f"client metadata {options.address} {options.model}` shows them"
        )
    texts = options.text or [_SAMPLE_TEXT]
    rows = len(texts) if options.rows is None else options.rows
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
