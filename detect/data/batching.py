"""Batches made row by row, by several threads or by several processes."""

import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from detect.data.padding import Overflow, pad
from detect.data.warping import Truth
from detect.structures import Example

ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that begin at multiples of it, and copies others

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


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

    def image_paths(self, batch: int) -> list[tuple[Path, ...]]:
        """For each row of a batch, the images that it is made of."""


class Row(NamedTuple):
    """A row of a batch without its image."""

    truth: Truth  # padded to N
    left_out: int  # boxes that did not fit
    record: int  # its index


class Crew(Protocol):
    """Those who make the rows of batches. Threads may share it."""

    def make(self, batch: int) -> tuple[np.ndarray, list[Row]]:
        """Images [B, H, W, 3] of a batch and its rows, in order."""

    def close(self) -> None:
        """Ends what it has started. If it is asked again, it starts again."""


def make_rows(rows: Rows, max_boxes: int, batch: int, images: np.ndarray, wanted: Iterable[int]) -> dict[int, Row]:
    """Some rows of a batch; their images are painted into `images` [B, H, W, 3]."""
    made = {}
    for row in wanted:
        example, index = rows.example(batch, row, images[row])
        truth, left_out = pad(example, max_boxes, seed=batch * rows.batch_size + row)
        made[row] = Row(truth, left_out, index)
    return made


class Threads:
    """A crew of threads: OpenCV and the decoders work outside the interpreter's lock, all else does not."""

    def __init__(self, rows: Rows, max_boxes: int, workers: int):
        self._rows, self._max_boxes, self._workers = rows, max_boxes, workers
        self._pool = ThreadPoolExecutor(workers)

    def make(self, batch: int) -> tuple[np.ndarray, list[Row]]:
        images = aligned(shape_of(self._rows, batch), np.dtype(self._rows.dtype))
        # Whoever is free takes the next row: to hand over each would hold up all threads.
        waiting = iter(range(len(images)))
        arguments = self._rows, self._max_boxes, batch, images, waiting
        parts = [self._pool.submit(make_rows, *arguments) for _ in range(min(self._workers, len(images)))]
        return images, in_order(part.result() for part in parts)

    def close(self) -> None:
        """Threads that have nothing to do are no burden."""


def shape_of(rows: Rows, batch: int) -> tuple[int, int, int, int]:
    """Of the images of a batch: [B, H, W, 3]."""
    return (rows.batch_size, *rows.canvas(batch), 3)


def in_order(parts: Iterable[dict[int, Row]]) -> list[Row]:
    """The rows of a batch, of which each worker has made some."""
    rows = {number: row for part in parts for number, row in part.items()}
    return [rows[number] for number in range(len(rows))]


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
        """Images [B, H, W, 3], boxes [B, N, 4], labels [B, N], ignore [B, N] and indices [B], as in `Batch`."""
        try:
            images, rows = self.crew.make(number)
        except Exception as error:
            self.failures.append(error)
            raise
        truths, left_out, indices = zip(*rows, strict=True)
        for count in filter(None, left_out):
            self.overflow.add(count)
        boxes, labels, ignore = (np.stack(column) for column in zip(*truths, strict=True))
        return images, boxes, labels, ignore, np.array(indices, np.int64)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array with any content that begins at a multiple of `ALIGNMENT`."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def copied(images: np.ndarray) -> np.ndarray:
    """The same in memory of its own."""
    copy = aligned(images.shape, images.dtype)
    copy[:] = images
    return copy
