"""Decoded pictures with their boxes, kept in memory as far as there is room."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from detect.data.pixels.images import read_halved
from detect.data.pixels.resizing import fit_scale
from detect.data.pixels.warping import halvings
from detect.data.records import Record, Records
from detect.data.samples.store import Store
from detect.errors import BadInput
from detect.machine import GIGABYTE, free_memory
from detect.structures import Example

WINDOW = 128  # pictures of which one sample is made are at most so many positions apart in the order of an epoch


class Pictures:
    """The examples of `Records` at the largest size that training can need. Threads and processes may share it.

    A picture that no sample shows at more than half its size is halved while it is decoded, as often as that is so. It
    would be halved anyway before it is painted; this way the budget holds four or sixteen times as many.

    Where the budget does not hold all pictures, a part of it is for those that came last, enough for `WINDOW` of them;
    the rest is for the first that come and stay. What is not there is decoded again, with the same result.
    """

    def __init__(self, records: Records, side: int, largest_scale: float | None, budget: int):
        """
        Args:
            side: of the largest output square, pixels.
            largest_scale: the largest factor, times the one that fits a picture into that square, at which a sample may
                show it; None where that is unknown, and pictures have to stay as they are.
            budget: bytes to keep.
        """
        self.records = records
        self._side = side
        self._largest_scale = largest_scale
        mean = self._mean_bytes()
        last = 0 if mean * len(records) <= budget else min(budget, int(1.25 * WINDOW * mean))
        self._store = Store(len(records), first=budget - last, last=last)
        self.descriptors = self._store.descriptors  # file descriptors that a worker needs for it

    @contextmanager
    def examples(self, indices: Sequence[int]) -> Iterator[list[Example]]:
        """The examples of these records, as long as the context lasts; their pictures are read-only."""
        kept: list[int] = []
        try:
            yield [self._example(index, kept) for index in indices]
        finally:
            for index in kept:
                self._store.release(index)

    def _example(self, index: int, kept: list[int]) -> Example:
        width, height = self.records.sizes[index].tolist()
        boxes, labels, ignore = self.records.truth(index)
        times = self._halvings(height, width)
        image = self._store.find(index)
        if image is None:
            image = read_checked(self.records[index], times)
            image.flags.writeable = False
            self._store.keep(index, image)
        else:
            kept.append(index)
        return Example(image, boxes * np.float32(0.5**times), labels, ignore)

    def _halvings(self, height: int, width: int) -> int:
        if self._largest_scale is None:
            return 0
        scale = fit_scale(height, width, (self._side, self._side)) * self._largest_scale
        return halvings(height, width, scale)

    def _mean_bytes(self) -> float:
        """Of a picture as it is kept, estimated from a thousand of them."""
        sizes = self.records.sizes[:: max(1, len(self.records) // 1000)].tolist()
        areas = [3 * width * height / 4 ** self._halvings(height, width) for width, height in sizes]
        return sum(areas) / max(len(areas), 1)


def read_checked(record: Record, times: int = 0) -> np.ndarray:
    """The picture of a record, uint8 RGB [H, W, 3], halved so many times; an error where the file's is not of the size
    that the boxes refer to.
    """
    image, (width, height) = read_halved(record.image_path, times)
    if (width, height) != (record.width, record.height):
        raise BadInput(
            f"{record.image_path}: the image is {width} x {height} pixels, its annotation is for "
            f"{record.width} x {record.height}. Check whether the image was replaced or resized after annotation."
        )
    return image


def default_budget() -> int:
    """Bytes for kept pictures where the user says nothing: a quarter of the free memory, 2 GB at most."""
    return min(free_memory() // 4, 2 * GIGABYTE)
