"""Reads the JSON inputs of Predict into arrays, by rows ("instances") or by columns ("inputs").

What is in order is converted whole; what is not is read value by value, with TensorFlow Serving's checks and texts
(tensorflow_serving/util/json_tensor.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tfapp_client import codec

from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.rest.json_base64 import is_base64
from tfapp.server.rest.json_dtypes import JsonDtype, json_dtype
from tfapp.server.rest.json_parser import describe

__all__ = ["INPUTS", "INSTANCES", "read_columns", "read_rows"]

INSTANCES: Final = "instances"
INPUTS: Final = "inputs"
# NumPy's limit.
_MOST_DIMENSIONS: Final = 64

_InputArrays = dict[str, NDArray[Any]]


def read_rows(rows: list[Any], signature: Any) -> _InputArrays:
    """Reads the value of "instances": a value a row, or an object of values by alias; at least one.

    Returns:
        Arrays by alias, each with a row for each; those that the SignatureDef has defaults for included.

    Raises:
        RequestError: A row is malformed, or other than the first.
    """
    dtypes = _dtypes(signature)
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if not _is_object(rows[0]):
        alias, dtype = next(iter(dtypes.items()))
        array = _whole_array(rows, dtype)
        return {alias: _plain_rows(rows, dtype) if array is None else array}
    return {**_named_rows(rows, dtypes, set(signature.defaults)), **_defaults(signature, rows[0])}


def read_columns(value: Any, signature: Any) -> _InputArrays:
    """Reads the value of "inputs": an object of values by alias, or the value of the only input.

    Returns:
        Arrays by alias, those that the SignatureDef has defaults for included.

    Raises:
        RequestError: A value is missing or malformed.
    """
    dtypes = _dtypes(signature)
    if not _is_object(value):
        if len(dtypes) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {alias: _column(value, dtype) for alias, dtype in dtypes.items()}
    for alias in dtypes:
        if alias not in value and alias not in signature.defaults:
            raise invalid_argument(f"Missing named input: {alias} in 'inputs' object.")
    columns = {alias: _column(value[alias], dtype) for alias, dtype in dtypes.items() if alias in value}
    return {**columns, **_defaults(signature, columns)}


def _dtypes(signature: Any) -> dict[str, JsonDtype]:
    return {alias: json_dtype(signature.inputs[alias].dtype) for alias in sorted(signature.inputs)}


def _defaults(signature: Any, aliases: Collection[str]) -> _InputArrays:
    return {alias: codec.decode(tensor) for alias, tensor in signature.defaults.items() if alias not in aliases}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _column(value: Any, dtype: JsonDtype) -> NDArray[Any]:
    array = _whole_array(value, dtype)
    return _value_by_value(value, dtype) if array is None else array


def _whole_array(value: Any, dtype: JsonDtype) -> NDArray[Any] | None:
    """Converts a value whose lists are all as long as their neighbours; None where that is not so."""
    try:
        grid = np.array(value, dtype=object)
    except ValueError:
        return None
    values = grid.ravel().tolist()
    flat = dtype.all_at_once(values, set(map(type, values)))
    return None if flat is None else flat.reshape(grid.shape)


def _value_by_value(value: Any, dtype: JsonDtype) -> NDArray[Any]:
    shape = _shape(value)
    values: list[Any] = []
    _collect(value, 0, shape, dtype.check, values)
    return dtype.array(values).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    """Returns the shape that each level's first list has."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid_argument(f"A tensor of {len(shape)} dimensions is not supported; {_MOST_DIMENSIONS} are")
    return tuple(shape)


def _collect(value: Any, level: int, shape: tuple[int, ...], check: Callable[[Any], Any], values: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {describe(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        values.append(check(value))
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _collect(item, level + 1, shape, check, values)


def _plain_rows(rows: list[Any], dtype: JsonDtype) -> NDArray[Any]:
    arrays: list[NDArray[Any]] = []
    for index, row in enumerate(rows):
        if _is_object(row):
            raise invalid_argument(f"Expecting value/list but got object at item {index} of input list")
        try:
            arrays.append(_check_shape(_value_by_value(row, dtype), arrays))
        except RequestError as error:
            raise _element_error(f"element: {index}", error) from error
    return np.stack(arrays)


def _named_rows(rows: list[Any], dtypes: Mapping[str, JsonDtype], optional: set[str]) -> _InputArrays:
    names = rows[0].keys()
    if dtypes.keys() - optional <= names <= dtypes.keys() and all(
        type(row) is dict and row.keys() == names for row in rows
    ):
        columns = {name: _whole_array([row[name] for row in rows], dtypes[name]) for name in names}
        arrays = {name: column for name, column in columns.items() if column is not None}
        if len(arrays) == len(columns):
            return arrays
    return _rows_one_by_one(rows, dtypes, optional)


def _rows_one_by_one(rows: list[Any], dtypes: Mapping[str, JsonDtype], optional: set[str]) -> _InputArrays:
    arrays: dict[str, list[NDArray[Any]]] = {name: [] for name in rows[0]}
    for index, row in enumerate(rows):
        if not _is_object(row):
            raise invalid_argument(f"Expecting object but got list at item {index} of input list")
        for name, value in row.items():
            try:
                if name not in dtypes:
                    raise invalid_argument(f"JSON object: does not have named input: {name}")
                values = arrays.setdefault(name, [])
                values.append(_check_shape(_value_by_value(value, dtypes[name]), values))
            except RequestError as error:
                raise _element_error(f"element: {index} key: {name}", error) from error
        if row.keys() != rows[0].keys() or dtypes.keys() - optional - row.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {describe(row)} "
                f"keys must be equal to: {','.join(dtypes)}"
            )
    return {name: np.stack(values) for name, values in arrays.items()}


def _check_shape(array: NDArray[Any], earlier_arrays: list[NDArray[Any]]) -> NDArray[Any]:
    if earlier_arrays and array.size != earlier_arrays[0].size:
        raise invalid_argument(f"Expecting tensor size: {earlier_arrays[0].size} but got: {array.size}")
    if earlier_arrays and array.shape != earlier_arrays[0].shape:
        raise invalid_argument(f"Expecting shape {_text(earlier_arrays[0].shape)} but got: {_text(array.shape)}")
    return array


def _text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(str(size) for size in shape)}]"


def _element_error(item: str, error: RequestError) -> RequestError:
    return invalid_argument(f"Failed to process {item} of 'instances' list. Error: {error.code.name}: {error.message}")
