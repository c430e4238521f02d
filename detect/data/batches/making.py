"""Batches made row by row, by several threads or by several processes."""

import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from detect.data.batches.padding import Overflow, pad
from detect.structures import Example

ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that begin at multiples of it, and copies others


class Columns(NamedTuple):
    """The arrays of a batch, as in `Batch`."""

    images: np.ndarray  # [B, H, W, 3]
    boxes: np.ndarray  # float32 [B, N, 4]
    labels: np.ndarray  # int32 [B, N]
    ignore: np.ndarray  # bool [B, N]
    indices: np.ndarray  # int64 [B]
    left_out: np.ndarray  # int64 [B], boxes that did not fit


class Rows(Protocol):
    """What batches are made of. Threads may share it."""

    @property
    def batch_size(self) -> int:
        """B."""

    @property
    def dtype(self) -> type[np.generic]:
        """Of the images."""

    def canvas(self, batch: int) -> tuple[int, int]:
        """Height and width of the images of a batch, by its number."""

    def example(self, batch: int, row: int, canvas: np.ndarray) -> tuple[Example, int]:
        """An example and its index among the records; `canvas` [H, W, 3], of any content, becomes its image."""

    def padding_seed(self, batch: int, row: int) -> tuple[int, ...]:
        """The seed by which `pad` chooses among the boxes of an example; the same in batches of every size."""

    def image_paths(self, batch: int) -> list[tuple[Path, ...]]:
        """For each row of a batch, the images that it is made of."""


class Crew(Protocol):
    """Those who make the rows of batches. Threads may share it."""

    def make(self, batch: int) -> Columns:
        """A batch by its number."""

    def close(self) -> None:
        """Ends what it has started. If it is asked again, it starts again."""


class Threads:
    """A crew of threads: OpenCV and the decoders work outside the interpreter's lock, all else does not."""

    def __init__(self, rows: Rows, max_boxes: int, workers: int):
        self._rows, self._max_boxes, self._workers = rows, max_boxes, workers
        self._pool = ThreadPoolExecutor(workers)

    def make(self, batch: int) -> Columns:
        canvas, count = self._rows.canvas(batch), self._rows.batch_size
        columns = columns_in(
            aligned(bytes_of(self._rows, self._max_boxes, canvas)), self._rows, self._max_boxes, canvas
        )
        # Whoever is free takes the next row: to hand over each would hold up all threads.
        waiting = iter(range(count))
        parts = [
            self._pool.submit(make_rows, self._rows, batch, columns, waiting) for _ in range(min(self._workers, count))
        ]
        for part in parts:
            part.result()
        return columns

    def close(self) -> None:
        """Threads that have nothing to do are no burden."""


def make_rows(rows: Rows, batch: int, columns: Columns, wanted: Iterable[int]) -> None:
    """Fill some rows of a batch."""
    images, boxes, labels, ignore, indices, left_out = columns
    for row in wanted:
        example, indices[row] = rows.example(batch, row, images[row])
        truth, left_out[row] = pad(example, boxes.shape[1], rows.padding_seed(batch, row))
        boxes[row], labels[row], ignore[row] = truth


class BatchMaker:
    """From the number of a batch to its arrays. Threads may share it."""

    def __init__(self, crew: Crew, overflow: Overflow):
        self.crew = crew
        self.overflow = overflow
        self.failures: list[Exception] = []  # what samples raised
        self._users = 0
        self._lock = threading.Lock()

    @contextmanager
    def in_use(self):
        """When this has ended as often as it began, the crew may go."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self.crew.close()

    def batch(self, number: int) -> Columns:
        """Its arrays; an error that a sample has raised is kept, too."""
        try:
            columns = self.crew.make(number)
        except Exception as error:
            self.failures.append(error)
            raise
        for boxes in filter(None, columns.left_out.tolist()):
            self.overflow.add(boxes)
        return columns


def columns_in(memory: np.ndarray, rows: Rows, max_boxes: int, canvas: tuple[int, int]) -> Columns:
    """Columns with the content of `memory`, uint8 [`bytes_of`], which begins at a multiple of `ALIGNMENT`."""
    parts, start = [], 0
    for shape, dtype in _layout(rows, max_boxes, canvas):
        size = math.prod(shape) * dtype.itemsize
        parts.append(memory[start : start + size].view(dtype).reshape(shape))
        start += _rounded_up(size)
    return Columns(*parts)


def bytes_of(rows: Rows, max_boxes: int, canvas: tuple[int, int]) -> int:
    """The memory that the columns of a batch take."""
    return sum(_rounded_up(math.prod(shape) * dtype.itemsize) for shape, dtype in _layout(rows, max_boxes, canvas))


def aligned(size: int) -> np.ndarray:
    """Bytes with any content that begin at a multiple of `ALIGNMENT`."""
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size]


def _layout(rows: Rows, max_boxes: int, canvas: tuple[int, int]) -> list[tuple[tuple[int, ...], np.dtype]]:
    """Shapes and types of the columns, in their order."""
    count = rows.batch_size
    shapes = ((count, *canvas, 3), (count, max_boxes, 4), (count, max_boxes), (count, max_boxes), (count,), (count,))
    types: tuple[type[np.generic], ...] = (rows.dtype, np.float32, np.int32, np.bool_, np.int64, np.int64)
    return [(shape, np.dtype(kind)) for shape, kind in zip(shapes, types, strict=True)]


def _rounded_up(size: int) -> int:
    return ALIGNMENT * math.ceil(size / ALIGNMENT)
