"""Encode a `tf.train.Example`, and put it into a record of a TFRecord file, without TensorFlow.

Source: the encoding page of protobuf.dev, and `example.proto` and `feature.proto` of TensorFlow, as in
`detect.data.tf_example`, which reads them; the page on TFRecord of the TensorFlow guide.
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from detect.data.crc32c import masked_crc

_FIELD_OF_BYTES = 2  # the type of fields with a length
_BYTES_LIST, _FLOAT_LIST, _INTEGER_LIST = 1, 2, 3
Value = Sequence[bytes] | np.ndarray  # bytes, or an array of floats or of integers


def example(features: Mapping[str, Value]) -> bytes:
    """Return an Example with some features: lists of bytes, arrays of floats and arrays of integers."""
    entries = (_field(1, name.encode()) + _field(2, _feature(value)) for name, value in features.items())
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def record(data: bytes) -> bytes:
    """Return a record of a TFRecord file: length and data, each with its checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join([length, struct.pack("<I", masked_crc(length)), data, struct.pack("<I", masked_crc(data))])


def _feature(value: Value) -> bytes:
    if not isinstance(value, np.ndarray):
        return _field(_BYTES_LIST, b"".join(_field(1, element) for element in value))
    if value.dtype.kind == "f":
        return _field(_FLOAT_LIST, _field(1, value.astype("<f4").tobytes()))
    return _field(_INTEGER_LIST, _field(1, b"".join(map(_varint, value.tolist()))))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _FIELD_OF_BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Return an integer of up to 64 bits, seven of them per byte, the lowest first."""
    value %= 1 << 64
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
