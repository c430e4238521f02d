"""Read the images of records, and keep account of those that cannot be read although their headers could.

Opening a dataset reads headers only, so damaged pixels come to light when an image is decoded. Such an image is left
out. In training, the next record in the order of the records stands in for it, the first one after the last: which that
is depends on the files only, and not on the number of workers, the cache, or where a run was resumed.
"""

from collections.abc import Iterable

import numpy as np

from detect.data.pixels.images import read_halved
from detect.data.pixels.tiff_parts import TiffParts, large_parts
from detect.data.problems import Problems
from detect.data.records import Record, Records
from detect.data.samples.shared_memory import SharedMemory
from detect.errors import BadInput


def read_checked(record: Record, times: int = 0) -> np.ndarray:
    """Read the image of a record.

    Args:
        record: the image and the size that its boxes refer to.
        times: how often the image is halved.

    Returns:
        The image, uint8 RGB [H, W, 3].

    Raises:
        BadInput: the image cannot be read, or has another size.
    """
    image, size = read_halved(record.image_path, times)
    _require_size(record, *size)
    return image


def read_or_open(record: Record) -> np.ndarray | TiffParts:
    """Return the image of a record, or what reads parts of it if it is large; for errors see `read_checked`."""
    parts = large_parts(record.image_path)
    if parts is None:
        return read_checked(record)
    _require_size(record, parts.width, parts.height)
    return parts


def _require_size(record: Record, width: int, height: int) -> None:
    if (width, height) != (record.width, record.height):
        raise BadInput(
            f"{record.image_path}: the image is {width} x {height} pixels, its annotation is for "
            f"{record.width} x {record.height}. Check whether the image was replaced or resized after annotation."
        )


class UnreadableImages:
    """The indices of the records whose images turned out to be unreadable. Threads and processes may share it."""

    def __init__(self, count: int):
        """
        Args:
            count: number of the records.
        """
        self._memory = SharedMemory()
        self._flags = self._memory.allocate(count)
        self.descriptors = (self._memory.descriptor,)  # that a worker process needs

    def __getstate__(self):
        return self._flags

    def __setstate__(self, flags):
        self._flags = flags

    def add(self, index: int) -> None:
        """Note that the image of a record cannot be read."""
        self._flags.bytes[index] = 1

    def __contains__(self, index: int) -> bool:
        return bool(self._flags.bytes[index])

    def indices(self) -> np.ndarray:
        """Return the indices, ascending, int64 [n]."""
        return np.flatnonzero(np.frombuffer(self._flags.bytes, np.uint8))

    def stand_in(self, index: int) -> int:
        """Return the record itself, or the next one whose image is not known to be unreadable.

        Raises:
            BadInput: there is none.
        """
        count = len(self._flags.bytes)
        for step in range(count):
            candidate = (index + step) % count
            if candidate not in self:
                return candidate
        raise BadInput(f"No image of the split can be read ({count} tried). Check them with detect data check.")

    def readable(self, records: Records) -> Records:
        """Return the other records."""
        unreadable = self.indices()
        return records.select(np.delete(np.arange(len(records)), unreadable)) if len(unreadable) else records


def add_unreadable(problems: Problems, records: Records, indices: Iterable[int]) -> None:
    """Add images that cannot be read to the problems of their split. They are read once more, to say why."""
    for index in indices:
        record, action = records[index], "left out with its boxes"
        where, lost = str(record.image_path), {"images": 1, "boxes": len(record.boxes)}
        problems.add("unreadable image", where, _why(record), action, **lost)


def _why(record: Record) -> str:
    try:
        read_checked(record)
    except BadInput as error:
        return str(error).removeprefix(f"{record.image_path}: ")
    return "the image could not be read"  # and can be by now
