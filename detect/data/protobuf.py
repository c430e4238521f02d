"""Messages of protobuf, read without a description of them.

Source: the encoding page of protobuf.dev. A message is a sequence of fields, each with a number and a type; a repeated
field is there several times, and repeated numbers may be packed into one field of bytes.
"""

import struct
from collections.abc import Iterator

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # types of fields
_SIGN, _BITS = 1 << 63, 1 << 64
Data = bytes | memoryview
Span = tuple[int, int]  # start and end, bytes


def parts(data: Data, span: Span, wanted: int) -> Iterator[Span]:
    """Yield where the values of one field of a message are: bytes, texts or messages."""
    return (value for number, kind, value in _fields(data, span) if number == wanted and kind == _BYTES)


def floats(data: Data, span: Span, wanted: int) -> Iterator[float]:
    """Yield the values of one field of a message, 32-bit floats; ValueError where they are cut."""
    for number, kind, value in _fields(data, span):
        if number == wanted and kind == _FIXED_32:
            yield from struct.unpack_from("<f", data, value[0])
        elif number == wanted and kind == _BYTES:
            start, end = value
            if (end - start) % 4:
                raise ValueError("a list of floats is cut")
            yield from struct.unpack_from(f"<{(end - start) // 4}f", data, start)


def integers(data: Data, span: Span, wanted: int) -> Iterator[int]:
    """Yield the values of one field of a message, integers with a sign; ValueError where they are cut."""
    for number, kind, (start, end) in _fields(data, span):
        while number == wanted and kind in (_VARINT, _BYTES) and start < end:
            value, start = _varint(data, start, end)
            yield value - _BITS if value >= _SIGN else value


def _fields(data: Data, span: Span) -> Iterator[tuple[int, int, Span]]:
    """Yield number, type and place of the value of each field in a message; ValueError where it is not a message."""
    position, end = span
    while position < end:
        tag, position = _varint(data, position, end)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length, position = _varint(data, position, end)
        elif kind == _VARINT:
            length = _varint(data, position, end)[1] - position
        elif kind in (_FIXED_32, _FIXED_64):
            length = 4 if kind == _FIXED_32 else 8
        else:
            raise ValueError(f"a field has the unknown type {kind}")
        if length > end - position:
            raise ValueError("a field is longer than its message")
        yield number, kind, (position, position + length)
        position += length


def _varint(data: Data, position: int, end: int) -> tuple[int, int]:
    """Return an integer of up to 64 bits, seven of them per byte, and the position behind it."""
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _BITS - 1, position
        shift += 7
    raise ValueError("an integer does not end")
