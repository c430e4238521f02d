"""Decoded pictures with their boxes, kept in memory as far as there is room."""

import os
import threading
from pathlib import Path

import numpy as np

from detect.data.images import read_image
from detect.data.records import Record, Records
from detect.data.resizing import fit_scale
from detect.data.warping import halve, halvings
from detect.errors import BadInput
from detect.structures import Example

GIGABYTE = 10**9


class Pictures:
    """The examples of `Records` at the largest size that training can need. Threads may share it.

    A picture that no sample shows at more than half its size is halved right after decoding, as often as that is so.
    `paint` would halve it anyway, with the same result; this way the budget holds four or sixteen times as many.
    What does not fit is decoded each time, again with the same result.
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
        self._room = budget
        self._kept: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    def example(self, index: int) -> Example:
        """The example of record `index`; its picture is read-only."""
        record = self.records[index]
        times = self._halvings(record)
        image = self._kept.get(index)
        if image is None:
            image = halve(read_checked(record), times)
            image.flags.writeable = False
            self._keep(index, image)
        return Example(image, record.boxes * np.float32(0.5**times), record.labels, record.ignore)

    def _halvings(self, record: Record) -> int:
        if self._largest_scale is None:
            return 0
        scale = fit_scale(record.height, record.width, (self._side, self._side)) * self._largest_scale
        return halvings(record.height, record.width, scale)

    def _keep(self, index: int, image: np.ndarray) -> None:
        """Nothing is ever thrown out: with every picture used once an epoch, the first ones are as good as any."""
        with self._lock:
            if image.nbytes <= self._room and index not in self._kept:
                self._room -= image.nbytes
                self._kept[index] = image


def read_checked(record: Record) -> np.ndarray:
    """The picture of a record, uint8 RGB [H, W, 3]; an error where it is not of the size that the boxes refer to."""
    image = read_image(record.image_path)
    height, width = image.shape[:2]
    if (width, height) != (record.width, record.height):
        raise BadInput(
            f"{record.image_path}: the image is {width} x {height} pixels, its annotation is for "
            f"{record.width} x {record.height}. Check whether the image was replaced or resized after annotation."
        )
    return image


def default_budget() -> int:
    """Bytes for kept pictures where the user says nothing: a quarter of the free memory, 2 GB at most."""
    return min(available_memory() // 4, 2 * GIGABYTE)


def available_memory() -> int:
    """Bytes that this process may still take, by the kernel's and the container's count; 4 GB where none is known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 4 * GIGABYTE
    return min(free, _container_memory())


def _container_memory() -> int:
    """What is left of the control group's limit (version 2), which /proc/meminfo does not show."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (group / "memory.max").read_text(), (group / "memory.current").read_text()
        return max(0, int(limit) - int(used))
    except (OSError, ValueError):  # no such files, or the limit is the word "max"
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
