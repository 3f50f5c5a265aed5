from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2
from tfapp_client import codec, messages

_NUMBERS = [
    *(np.float16, np.float32, np.float64, np.bool_, np.complex64, np.complex128),
    *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
]
_SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@st.composite
def _number_arrays(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(st.sampled_from(_NUMBERS))
    return draw(hnp.arrays(dtype, draw(_SHAPES)))


@st.composite
def _string_arrays(draw: st.DrawFn) -> np.ndarray:
    return draw(hnp.arrays(object, draw(_SHAPES), elements=st.binary(max_size=20), fill=st.nothing()))


def _ours(theirs: Any) -> Any:
    return messages.TensorProto.FromString(theirs.SerializeToString())


def _theirs(ours: Any) -> Any:
    return tensor_pb2.TensorProto.FromString(ours.SerializeToString())


def _as_fields(array: np.ndarray) -> Any:
    """TensorFlow's other encoding: every number in the dtype's own repeated field."""
    tensor = tf.make_tensor_proto(array)
    if tensor.tensor_content:
        field = {
            **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
            **{"float16": "half_val", "bfloat16": "half_val", "float32": "float_val", "float64": "double_val"},
            **{"int64": "int64_val", "uint32": "uint32_val", "uint64": "uint64_val", "bool": "bool_val"},
            **{"complex64": "scomplex_val", "complex128": "dcomplex_val"},
        }[array.dtype.name]
        tensor.ClearField("tensor_content")
        flat = array.ravel()
        if field == "half_val":
            flat = flat.view(np.uint16)
        if array.dtype.kind == "c":
            flat = flat.view(flat.real.dtype)
        getattr(tensor, field).extend(flat.tolist())
    return tensor


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return (
        left.shape == right.shape
        and left.dtype == right.dtype
        and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    )


@given(_number_arrays())
def test_tensorflow_reads_what_is_encoded(array: np.ndarray) -> None:
    assert _same(tf.make_ndarray(_theirs(codec.encode(array))), array)


@given(_number_arrays())
def test_decodes_what_tensorflow_encodes(array: np.ndarray) -> None:
    assert _same(codec.decode(_ours(tf.make_tensor_proto(array))), array)


@given(_number_arrays())
def test_decodes_numbers_from_their_fields(array: np.ndarray) -> None:
    assert _same(codec.decode(_ours(_as_fields(array))), array)


@given(_string_arrays())
def test_strings_go_both_ways(array: np.ndarray) -> None:
    result = codec.decode(_ours(_theirs(codec.encode(array))))
    assert result.shape == array.shape
    assert result.tolist() == array.tolist()
    assert tf.make_tensor_proto(array, dtype=tf.string) == _theirs(codec.encode(array))


@given(st.recursive(st.text(), lambda inner: st.lists(inner, min_size=2, max_size=2), max_leaves=4))
def test_lists_of_str_are_sent_whole(value: Any) -> None:
    try:
        array = codec.decode(codec.encode(value))
    except (TypeError, ValueError):
        # Ragged nesting, which NumPy cannot hold either.
        assert isinstance(value, list)
    else:
        assert np.array(value, dtype=object).tolist() == np.vectorize(bytes.decode, otypes=[object])(array).tolist()


@given(hnp.arrays(np.float32, _SHAPES, elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_bfloat16_is_sent_as_such_and_read_as_float32(array: np.ndarray) -> None:
    half_precision = array.astype(ml_dtypes.bfloat16)
    assert _same(tf.make_ndarray(_theirs(codec.encode(half_precision))), half_precision)
    for tensor in (tf.make_tensor_proto(half_precision), _as_fields(half_precision)):
        assert _same(codec.decode(_ours(tensor)), half_precision.astype(np.float32))


@pytest.mark.parametrize("value", [1, 1.5, True, "a", b"a", [1, 2], [1.5, 2], [[True], [False]], [], ["é", "a"]])
def test_plain_python_has_tensorflows_dtypes(value: Any) -> None:
    expected = tf.make_tensor_proto(value)
    tensor = codec.encode(value)
    assert (tensor.dtype, codec.decode(tensor).tolist()) == (expected.dtype, tf.make_ndarray(expected).tolist())


def test_large_plain_integers_become_int64() -> None:
    assert codec.decode(codec.encode([1, 2**40])).dtype == np.int64


def test_fewer_values_than_elements_repeat_the_last_one() -> None:
    tensor = messages.TensorProto(dtype=1, float_val=[1.0, 2.0])
    tensor.tensor_shape.dim.add(size=2)
    tensor.tensor_shape.dim.add(size=2)
    assert codec.decode(tensor).tolist() == [[1.0, 2.0], [2.0, 2.0]]
    assert codec.decode(tensor).tolist() == tf.make_ndarray(_theirs(tensor)).tolist()
    words = messages.TensorProto(dtype=7, string_val=[b"a"])
    words.tensor_shape.dim.add(size=3)
    assert codec.decode(words).tolist() == [b"a"] * 3
    nothing = messages.TensorProto(dtype=3)
    nothing.tensor_shape.dim.add(size=2)
    assert codec.decode(nothing).tolist() == [0, 0]


def test_strings_in_tensor_content() -> None:
    items = [b"", b"a" * 300, "é".encode()]
    lengths = bytes([0]) + bytes([300 & 0x7F | 0x80, 300 >> 7]) + bytes([2])
    tensor = messages.TensorProto(dtype=7, tensor_content=lengths + b"".join(items))
    tensor.tensor_shape.dim.add(size=3)
    assert codec.decode(tensor).tolist() == items


@pytest.mark.parametrize(
    ("tensor", "rule"),
    [
        ({"dtype": 0}, "unknown dtype 0"),
        ({"dtype": 1, "tensor_content": b"abc"}, "holds 3 bytes, the shape needs 4"),
        ({"dtype": 1, "tensor_shape": {"dim": [{"size": -5}]}}, "needs a known shape"),
        ({"dtype": 1, "tensor_shape": {"unknown_rank": True}}, "needs a known shape"),
        ({"dtype": 1, "tensor_shape": {"dim": [{"size": 2**40}]}}, "over the limit"),
        ({"dtype": 7, "tensor_shape": {"dim": [{"size": 2**40}]}}, "over the limit"),
        ({"dtype": 7, "tensor_content": b"\x05ab"}, "holds 2 bytes of strings, expected 5"),
        ({"dtype": 7, "tensor_content": b"\x80"}, "ends within a string's length"),
        ({"dtype": 7, "tensor_content": b"\xff" * 400_000}, "takes more than 10 bytes"),
        ({"dtype": 1, "tensor_shape": {"dim": [{"size": 1 << 62}] * 10_000}}, "at most 64 dimensions, got 10000"),
    ],
)
def test_malformed_tensors_are_refused(tensor: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        codec.decode(messages.TensorProto(**tensor))


_VARINTS = st.lists(
    st.one_of(
        st.integers(0, 40).map(lambda number: bytes([number])),
        st.binary(min_size=1, max_size=12),
        st.integers(0, 12).map(lambda count: b"\xff" * count + b"\x01"),
        st.integers(0, 12).map(lambda count: b"\x82" + b"\x80" * count + b"\x00"),
    ),
    max_size=4,
).map(b"".join)


def _protobuf_lengths(content: bytes, count: int) -> tuple[list[int], bytes] | None:
    """The numbers at the front, and the rest, by protobuf's own parser of fields; None: malformed."""
    numbers = []
    for _ in range(count):
        size = next((at for at, byte in enumerate(content, start=1) if byte < 0x80), len(content))
        field = b"\x88\x01" + content[:size]
        try:
            numbers.append(messages.TensorProto.FromString(field).uint64_val[0])
        except DecodeError:
            return None
        content = content[size:]
    return numbers, content


@given(_VARINTS, st.binary(max_size=60), st.integers(0, 5), st.booleans())
def test_lengths_of_strings_are_read_as_protobuf_reads_numbers(
    front: bytes, rest: bytes, count: int, fits: bool
) -> None:
    lengths = _protobuf_lengths(front + rest, count)
    content = front + rest
    if fits and lengths is not None and sum(lengths[0]) <= len(lengths[1]):
        content = content[: len(content) - len(lengths[1]) + sum(lengths[0])]
        lengths = _protobuf_lengths(content, count)
    tensor = messages.TensorProto(dtype=7, tensor_content=content)
    tensor.tensor_shape.dim.add(size=count)
    if content and (lengths is None or sum(lengths[0]) != len(lengths[1])):
        with pytest.raises(ValueError, match="tensor_content"):
            codec.decode(tensor)
    elif content:
        assert lengths is not None
        assert list(map(len, codec.decode(tensor))) == lengths[0]
        assert b"".join(codec.decode(tensor)) == lengths[1]


class _CountedBytes(bytes):
    """Bytes that count how many of them were read."""

    read = 0

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        self.read += 1 if isinstance(part, int) else len(part)
        return part


@given(st.integers(0, 300), st.sampled_from([b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x80\x00"]))
def test_no_more_than_ten_bytes_are_read_for_a_length(count: int, unit: bytes) -> None:
    content = _CountedBytes(unit * 1000)
    shape = SimpleNamespace(dim=[SimpleNamespace(size=count)], unknown_rank=False)
    tensor = SimpleNamespace(dtype=7, tensor_content=content, tensor_shape=shape)
    with pytest.raises(ValueError, match="tensor_content"):
        codec.decode(tensor)
    assert content.read <= 10 * count


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        tensor = messages.TensorProto.FromString(data)
    except Exception:  # noqa: BLE001 - not even a message
        return
    try:
        codec.decode(tensor, max_bytes=1 << 16)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("value", "error", "rule"),
    [
        ([["a"], ["b", "c"]], TypeError, "lists of equal length"),
        (["a", None], TypeError, "expected str or bytes only"),
        (["a", 1], TypeError, "got int: 1"),
        (["\ud800"], ValueError, "lone surrogate"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), TypeError, "dtype datetime64"),
    ],
)
def test_what_cannot_be_sent_is_said(value: Any, error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        codec.encode(value)


def test_numpy_strings_and_foreign_byte_orders() -> None:
    assert codec.decode(codec.encode(np.array(["é", "abc"]))).tolist() == ["é".encode(), b"abc"]
    assert codec.decode(codec.encode(np.array([1.5, -2.0], dtype=">f8"))).tolist() == [1.5, -2.0]
    assert codec.decode(codec.encode(np.arange(6).reshape(2, 3).T)).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_is_decoded_can_be_written_to() -> None:
    array = codec.decode(codec.encode(np.zeros(3, np.float32)))
    array[0] = 1
    assert array.tolist() == [1, 0, 0]


def test_text_is_decoded_with_a_mark_for_what_is_none() -> None:
    assert codec.decode_text(np.array([b"a", b"\xff"], dtype=object)) == ["a", "\ufffd"]
    assert codec.decode_text(np.array([[b"a"], [b"b"]], dtype=object)) == [["a"], ["b"]]
