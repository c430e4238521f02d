"""Many short texts in one buffer: as Python's own strings they would take some 60 bytes more each."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pickle import PickleBuffer
from typing import Any

import numpy as np


class Texts(Sequence):
    """A list of texts that can only be appended to. Each takes 8 bytes and its UTF-8."""

    def __init__(self, texts: Iterable[str] = ()):
        # All texts in one, and where each ends; in a worker process, views of shared memory.
        self._bytes, self._ends = bytearray(), array("q")
        self.extend(texts)

    def append(self, text: str) -> None:
        """Append a text; UnicodeEncodeError where it cannot be the name of a file."""
        self._bytes += text.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._bytes))

    def extend(self, texts: Iterable[str]) -> None:
        """Append texts as `append` does."""
        for text in texts:
            self.append(text)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends:
            yield str(self._bytes[start:end], "utf-8", "surrogateescape")
            start = end

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        index = range(len(self))[index]
        start = self._ends[index - 1] if index else 0
        return str(self._bytes[start : self._ends[index]], "utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Texts) and self._ends == other._ends and self._bytes == other._bytes

    def __reduce__(self):
        """Pickle for worker processes, which share its memory (`pickle`, protocol 5)."""
        return _shared, (PickleBuffer(self._bytes), PickleBuffer(self._ends))

    def digest(self) -> bytes:
        """Return the SHA-256 of the texts and of where each ends."""
        return hashlib.sha256(bytes(self._bytes) + self._ends.tobytes()).digest()

    def select(self, rows: Iterable[int] | np.ndarray) -> "Texts":
        """Return the texts in `rows`, in that order."""
        return Texts(self[row] for row in rows)


def _shared(content: Any, ends: Any) -> Texts:
    texts: Any = Texts()
    texts._bytes, texts._ends = memoryview(content).cast("B"), memoryview(ends).cast("B").cast("q")
    return texts
