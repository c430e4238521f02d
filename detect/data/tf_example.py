"""The content of a `tf.train.Example`: lists of bytes, of floats or of integers by name, read without TensorFlow.

Source: the encoding page of protobuf.dev, and `example.proto` and `feature.proto` of TensorFlow: field 1 of an Example
is the Features, whose field 1 is a map from names (1) to a Feature (2). A Feature has a list of bytes (1), of floats
(2) or of integers (3), whose field 1 is repeated; the numbers of a list may be packed.
"""

import struct
from collections.abc import Iterator

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # types of fields
_BYTES_LIST, _FLOAT_LIST, _INTEGER_LIST = 1, 2, 3
_SIGN, _BITS = 1 << 63, 1 << 64
Span = tuple[int, int]  # start and end, bytes


class Example:
    """One example; its features are decoded when they are asked for."""

    def __init__(self, data: bytes):
        """`data`: the serialised example. ValueError where it is not one."""
        self._data = data
        self._features: dict[str, Span] = {}
        for features in _parts(data, (0, len(data)), 1):
            for entry in _parts(data, features, 1):
                self._add(entry)

    def __contains__(self, name: str) -> bool:
        return name in self._features

    def spans(self, name: str) -> list[Span]:
        """Return where the values of a list of bytes are; none where there is no such list."""
        lists = self._lists(name, _BYTES_LIST)
        return [value for values in lists for value in _parts(self._data, values, 1)]

    def texts(self, name: str) -> list[bytes]:
        """Return the values of a list of bytes; none where there is no such list."""
        return [self._data[start:end] for start, end in self.spans(name)]

    def numbers(self, name: str) -> list[float]:
        """Return the values of a list of floats or of integers, as they are; none where there is no such list."""
        floats = [value for span in self._lists(name, _FLOAT_LIST) for value in self._floats(span)]
        return floats or [value for span in self._lists(name, _INTEGER_LIST) for value in self._integers(span)]

    def _add(self, entry: Span) -> None:
        names = list(_parts(self._data, entry, 1))
        values = list(_parts(self._data, entry, 2))
        if names and values:
            start, end = names[-1]
            self._features[self._data[start:end].decode("utf-8", "replace")] = values[-1]

    def _lists(self, name: str, kind: int) -> Iterator[Span]:
        return _parts(self._data, self._features[name], kind) if name in self._features else iter(())

    def _floats(self, span: Span) -> Iterator[float]:
        for number, kind, value in _fields(self._data, span):
            if number == 1 and kind == _FIXED_32:
                yield from struct.unpack_from("<f", self._data, value[0])
            elif number == 1 and kind == _BYTES:
                start, end = value
                if (end - start) % 4:
                    raise ValueError("a list of floats is cut")
                yield from struct.unpack_from(f"<{(end - start) // 4}f", self._data, start)

    def _integers(self, span: Span) -> Iterator[int]:
        for number, kind, (start, end) in _fields(self._data, span):
            while number == 1 and kind in (_VARINT, _BYTES) and start < end:
                value, start = _varint(self._data, start, end)
                yield value - _BITS if value >= _SIGN else value


def _parts(data: bytes, span: Span, wanted: int) -> Iterator[Span]:
    """Yield where the values of one field of a message are: bytes, texts or messages."""
    return (value for number, kind, value in _fields(data, span) if number == wanted and kind == _BYTES)


def _fields(data: bytes, span: Span) -> Iterator[tuple[int, int, Span]]:
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


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
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
