"""Batches made row by row by several threads; OpenCV and the decoders work outside the interpreter's lock."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from detect.data.padding import Overflow, pad
from detect.structures import Example

ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that begin at multiples of it, and copies others

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class BatchMaker:
    """From the number of a batch to its arrays. Threads may share it."""

    def __init__(
        self,
        make: Callable[[int, np.ndarray], tuple[Example, int]],
        canvas: Callable[[int], tuple[int, int]],
        dtype: type[np.generic],
        batch_size: int,
        overflow: Overflow,
        workers: int,
    ):
        """
        Args:
            make: from a sample's number, and an array [H, W, 3] of any content that it fills and that becomes the
                image, to the example and its index among the records.
            canvas: height and width of the images of a batch, by its number.
            dtype: of the images.
            batch_size: B; batch b has the samples from b * B on.
            overflow: how many boxes a row has room for, and where those beyond are counted.
            workers: samples made at a time, all batches together.
        """
        self._make = make
        self._canvas = canvas
        self.dtype = np.dtype(dtype)
        self.batch_size = batch_size
        self.overflow = overflow
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers)
        self.failures: list[Exception] = []  # what samples raised

    def batch(self, number: int) -> Columns:
        """Images [B, H, W, 3], boxes [B, N, 4], labels [B, N], ignore [B, N] and indices [B], as in `Batch`."""
        images = aligned((self.batch_size, *self._canvas(number), 3), self.dtype)
        rows: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, int]] = {}
        waiting = iter(range(self.batch_size))

        def fill() -> None:
            """Whichever rows are still waiting, one after the other: to hand over each would hold up all threads."""
            for row in waiting:
                sample = number * self.batch_size + row
                example, index = self._make(sample, images[row])
                rows[row] = *pad(example, self.overflow.max_boxes, self.overflow, seed=sample), index

        try:
            for filled in [self._pool.submit(fill) for _ in range(min(self.workers, self.batch_size))]:
                filled.result()
        except Exception as error:
            self.failures.append(error)
            raise
        boxes, labels, ignore, indices = zip(*(rows[row] for row in range(self.batch_size)), strict=True)
        return images, np.stack(boxes), np.stack(labels), np.stack(ignore), np.array(indices, np.int64)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array with any content that begins at a multiple of `ALIGNMENT`."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)
