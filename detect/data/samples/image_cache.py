"""A cache of decoded images with their boxes, as far as there is memory for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from detect.data.pixels.resizing import fit_scale
from detect.data.pixels.warping import halvings
from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages, read_checked
from detect.data.samples.shared_images import SharedImages
from detect.data.samples.training_tiles import TrainingTiles
from detect.errors import BadInput
from detect.machine import GIGABYTE, free_memory
from detect.structures import Example

WINDOW = 128  # positions in the order of an epoch between the images of one sample, at most


class ImageCache:
    """The examples of `Records` at the largest size that training can need. Threads and processes may share it.

    An image that no sample shows at more than half its size is halved while it is decoded, as often as that is so. It
    would be halved anyway before it is painted; this way the budget holds four or sixteen times as many images.

    Where the budget does not hold all images, a part of it is a ring for the latest ones, large enough for `WINDOW` of
    them; the rest is for the first ones, which stay. An image that is not in the cache is decoded again, with the same
    result.
    """

    def __init__(
        self,
        records: Records,
        side: int,
        largest_scale: float | None,
        budget: int,
        tiles: TrainingTiles | None = None,
    ):
        """
        Args:
            records: whose images are cached.
            side: of the largest output square, pixels.
            largest_scale: the largest factor, times the one by which an image fits into that square, at which a sample
                may show it; None where that is unknown, and images have to keep their size.
            budget: bytes to use.
            tiles: what the records are tiles of; None where they are whole images.
        """
        self.records = records
        self.tiles = tiles
        self._side = side
        self._largest_scale = largest_scale
        mean = self._mean_bytes()
        ring = 0 if mean * len(records) <= budget else min(budget, int(1.25 * WINDOW * mean))
        self._images = SharedImages(len(records), fixed=budget - ring, ring=ring)
        self.unreadable = UnreadableImages(len(records))
        # File descriptors that a worker process needs for it.
        self.descriptors = (*self._images.descriptors, *self.unreadable.descriptors)

    @contextmanager
    def examples(self, indices: Sequence[int]) -> Iterator[list[Example]]:
        """Give the examples of some records while the context lasts; their images are read-only.

        Another record stands in for one whose image cannot be read, see `detect.data.samples.checked_images`.
        """
        acquired: list[int] = []
        try:
            yield [self._example(index, acquired) for index in indices]
        finally:
            for index in acquired:
                self._images.release(index)

    def image_path(self, index: int) -> Path:
        """Return the image that the example of a record showed: its own, or that of a stand-in."""
        return self.records.image_path(self.unreadable.stand_in(index))

    def _example(self, index: int, acquired: list[int]) -> Example:
        while True:
            index = self.unreadable.stand_in(index)
            try:
                return self._example_of(index, acquired)
            except BadInput:
                self.unreadable.add(index)

    def _example_of(self, index: int, acquired: list[int]) -> Example:
        width, height = self.records.sizes[index].tolist()
        boxes, labels, ignore = self.records.truth(index)
        times = self._halvings(height, width)
        image = self._images.acquire(index)
        if image is None:
            image = self._read(index, times)
            image.flags.writeable = False
            self._images.keep(index, image)
        else:
            acquired.append(index)
        return Example(image, boxes * np.float32(0.5**times), labels, ignore, self.records.looked_for_in(index))

    def _read(self, index: int, times: int) -> np.ndarray:
        """Read an image or a tile. All tiles of an image come with one of them, and stay as long as there is room."""
        if self.tiles is None:
            return read_checked(self.records[index], times)
        return self.tiles.read(index, times, self._images.keep if self._images.is_filling else None)

    def _halvings(self, height: int, width: int) -> int:
        if self._largest_scale is None:
            return 0
        scale = fit_scale(height, width, (self._side, self._side)) * self._largest_scale
        return halvings(height, width, scale)

    def _mean_bytes(self) -> float:
        """Return the mean size of an image in the cache, estimated from a thousand of them."""
        sizes = self.records.sizes[:: max(1, len(self.records) // 1000)].tolist()
        areas = [3 * width * height / 4 ** self._halvings(height, width) for width, height in sizes]
        return sum(areas) / max(len(areas), 1)


def default_budget() -> int:
    """Return the bytes for cached images where the user does not say: a quarter of the free memory, at most 2 GB."""
    return min(free_memory() // 4, 2 * GIGABYTE)
