"""Make batches slot by slot: the arrays of a batch, the contracts of sources and pools, and the pool of threads."""

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


class BatchArrays(NamedTuple):
    """The arrays of a batch, as in `Batch`."""

    images: np.ndarray  # [B, H, W, 3]
    boxes: np.ndarray  # float32 [B, N, 4]
    labels: np.ndarray  # int32 [B, N]
    ignore: np.ndarray  # bool [B, N]
    indices: np.ndarray  # int64 [B]
    looked_for: np.ndarray  # bool [B, K] of a dataset that is not labelled completely, else [B, 0]
    left_out: np.ndarray  # int64 [B], boxes that did not fit


class SampleSource(Protocol):
    """The samples that batches are made of, by the numbers of batch and slot. Threads may share it."""

    @property
    def batch_size(self) -> int:
        """The number of slots of a batch, B."""

    @property
    def dtype(self) -> type[np.generic]:
        """The dtype of the images."""

    @property
    def stated_classes(self) -> int:
        """K where the records say which classes were looked for, 0 where all were in all images."""

    def canvas(self, batch: int) -> tuple[int, int]:
        """Return height and width of the images of a batch."""

    def example(self, batch: int, slot: int, canvas: np.ndarray) -> tuple[Example, int]:
        """Return an example and its index among the records; `canvas` [H, W, 3], of any content, becomes its image."""

    def padding_seed(self, batch: int, slot: int) -> tuple[int, ...]:
        """Return the seed by which `pad` chooses among the boxes; it does not depend on the size of the batch."""

    def image_paths(self, batch: int) -> list[tuple[Path, ...]]:
        """Return for each slot of a batch the images that its sample is made of."""


class WorkerPool(Protocol):
    """Workers that make batches. Threads may share it."""

    def make(self, batch: int) -> BatchArrays:
        """Make the batch with this number."""

    def close(self) -> None:
        """End the workers. The next call of `make` starts them again."""


class ThreadPool:
    """A pool of threads: OpenCV and the decoders release the lock of the interpreter, all else holds it."""

    def __init__(self, source: SampleSource, max_boxes: int, workers: int):
        self._source, self._max_boxes, self._workers = source, max_boxes, workers
        self._pool: ThreadPoolExecutor | None = None
        self._starting = threading.Lock()

    def make(self, batch: int) -> BatchArrays:
        """Make the batch with this number."""
        canvas, count = self._source.canvas(batch), self._source.batch_size
        buffer = aligned_buffer(bytes_per_batch(self._source, self._max_boxes, canvas))
        arrays = arrays_in(buffer, self._source, self._max_boxes, canvas)
        # All threads share one iterator, so a free one takes the next slot: a task per slot would keep them waiting.
        slots = iter(range(count))
        with self._starting:
            self._pool = pool = self._pool or ThreadPoolExecutor(self._workers)
            tasks = [
                pool.submit(fill_slots, self._source, batch, arrays, slots) for _ in range(min(self._workers, count))
            ]
        for task in tasks:
            task.result()
        return arrays

    def close(self) -> None:
        """End the threads, which TensorFlow would keep: it never forgets a function that a dataset has called."""
        with self._starting:
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown()


def fill_slots(source: SampleSource, batch: int, arrays: BatchArrays, slots: Iterable[int]) -> None:
    """Fill some slots of a batch.

    Args:
        source: gives the samples.
        batch: number of the batch.
        arrays: where the samples are written to.
        slots: which slots to fill; several threads may share one iterator.
    """
    images, boxes, labels, ignore, indices, looked_for, left_out = arrays
    for slot in slots:
        example, indices[slot] = source.example(batch, slot, images[slot])
        truth, left_out[slot] = pad(example, boxes.shape[1], source.padding_seed(batch, slot))
        boxes[slot], labels[slot], ignore[slot] = truth
        if example.looked_for is not None:
            looked_for[slot] = example.looked_for


class BatchMaker:
    """Makes batches by their numbers, and keeps account of what was left out and what failed. Threads may share it."""

    def __init__(self, pool: WorkerPool, overflow: Overflow):
        self.pool = pool
        self.overflow = overflow
        self.failures: list[Exception] = []  # raised by samples
        self._users = 0
        self._lock = threading.Lock()

    @contextmanager
    def in_use(self):
        """Keep the pool open; the last of those who use it at the same time closes it."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self.pool.close()

    def batch(self, number: int) -> BatchArrays:
        """Make a batch. An error that a sample raises is also kept in `failures`."""
        try:
            arrays = self.pool.make(number)
        except Exception as error:
            self.failures.append(error)
            raise
        for boxes in filter(None, arrays.left_out.tolist()):
            self.overflow.add(boxes)
        return arrays


def arrays_in(buffer: np.ndarray, source: SampleSource, max_boxes: int, canvas: tuple[int, int]) -> BatchArrays:
    """Return the arrays of a batch as views of a buffer.

    Args:
        buffer: uint8, of `bytes_per_batch` bytes or more, at a multiple of `ALIGNMENT`.
        source: what the batch is made of.
        max_boxes: N.
        canvas: height and width of the images.
    """
    arrays, start = [], 0
    for shape, dtype in _layout(source, max_boxes, canvas):
        size = math.prod(shape) * dtype.itemsize
        arrays.append(buffer[start : start + size].view(dtype).reshape(shape))
        start += _rounded_up(size)
    return BatchArrays(*arrays)


def bytes_per_batch(source: SampleSource, max_boxes: int, canvas: tuple[int, int]) -> int:
    """Return the size of the buffer that the arrays of a batch need."""
    return sum(_rounded_up(math.prod(shape) * dtype.itemsize) for shape, dtype in _layout(source, max_boxes, canvas))


def aligned_buffer(size: int) -> np.ndarray:
    """Return a buffer, uint8 [size] of any content, that begins at a multiple of `ALIGNMENT`."""
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size]


def _layout(source: SampleSource, max_boxes: int, canvas: tuple[int, int]) -> list[tuple[tuple[int, ...], np.dtype]]:
    """Return shapes and dtypes of the arrays, in their order."""
    count = source.batch_size
    layout: list[tuple[tuple[int, ...], type[np.generic]]] = [
        ((count, *canvas, 3), source.dtype),
        ((count, max_boxes, 4), np.float32),
        ((count, max_boxes), np.int32),
        ((count, max_boxes), np.bool_),
        ((count,), np.int64),
        ((count, source.stated_classes), np.bool_),
        ((count,), np.int64),
    ]
    return [(shape, np.dtype(kind)) for shape, kind in layout]


def _rounded_up(size: int) -> int:
    return ALIGNMENT * math.ceil(size / ALIGNMENT)
