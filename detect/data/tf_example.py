"""The content of a `tf.train.Example`: lists of bytes, of floats or of integers by name, read without TensorFlow.

Source: `example.proto` and `feature.proto` of TensorFlow. Field 1 of an Example is the Features, whose field 1 is a map
from names (1) to a Feature (2). A Feature has a list of bytes (1), of floats (2) or of integers (3), whose field 1 is
repeated.
"""

from collections.abc import Iterator

from detect.data.protobuf import Span, floats, integers, parts

_BYTES_LIST, _FLOAT_LIST, _INTEGER_LIST = 1, 2, 3


class Example:
    """One example; its features are decoded when they are asked for."""

    def __init__(self, data: bytes):
        """`data`: the serialised example. ValueError where it is not one."""
        self._data = data
        self._features: dict[str, Span] = {}
        for features in parts(data, (0, len(data)), 1):
            for entry in parts(data, features, 1):
                self._add(entry)

    def __contains__(self, name: str) -> bool:
        return name in self._features

    def spans(self, name: str) -> list[Span]:
        """Return where the values of a list of bytes are; none where there is no such list."""
        lists = self._lists(name, _BYTES_LIST)
        return [value for values in lists for value in parts(self._data, values, 1)]

    def texts(self, name: str) -> list[bytes]:
        """Return the values of a list of bytes; none where there is no such list."""
        return [self._data[start:end] for start, end in self.spans(name)]

    def numbers(self, name: str) -> list[float]:
        """Return the values of a list of floats or of integers, as they are; none where there is no such list."""
        fractions = [value for span in self._lists(name, _FLOAT_LIST) for value in floats(self._data, span, 1)]
        return fractions or [
            value for span in self._lists(name, _INTEGER_LIST) for value in integers(self._data, span, 1)
        ]

    def _add(self, entry: Span) -> None:
        names = list(parts(self._data, entry, 1))
        values = list(parts(self._data, entry, 2))
        if names and values:
            start, end = names[-1]
            self._features[self._data[start:end].decode("utf-8", "replace")] = values[-1]

    def _lists(self, name: str, kind: int) -> Iterator[Span]:
        return parts(self._data, self._features[name], kind) if name in self._features else iter(())
