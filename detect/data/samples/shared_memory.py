"""Memory and a lock that this process shares with the workers that it starts.

Both are file descriptors. A worker inherits them with their numbers, so what is pickled here is the same thing there.
"""

import functools
import math
import mmap
import os
import sys
import threading
import weakref

CAN_SHARE = sys.platform == "linux"


class SharedMemory:
    """Memory without a name, which is freed when no process has it any more.

    Unlike files in /dev/shm, it is not limited to the 64 MB that containers have there. Where the system does not have
    such memory, it is memory of this process, for its threads only.
    """

    def __init__(self):
        self.descriptor = -1
        self._size = 0
        self._growing = threading.Lock()
        if CAN_SHARE:
            self.descriptor = os.memfd_create("detect")
            weakref.finalize(self, os.close, self.descriptor)

    def allocate(self, size: int) -> "SharedBuffer":
        """Return a new buffer of `size` bytes, which are 0. Pages that are not written to take no memory."""
        with self._growing:
            start = self._size
            if CAN_SHARE:
                self._size += mmap.ALLOCATIONGRANULARITY * math.ceil(max(1, size) / mmap.ALLOCATIONGRANULARITY)
                os.ftruncate(self.descriptor, self._size)
        return SharedBuffer(self.descriptor, start, size)


class SharedBuffer:
    """A part of shared memory, which begins at a page.

    Attributes:
        bytes: its content, which can be written to.
    """

    def __init__(self, descriptor: int, start: int, size: int):
        self._place = descriptor, start, size
        # The system maps at least one byte, which an empty array must not find in its buffer.
        self.bytes = memoryview(mmap.mmap(descriptor, max(1, size), offset=start))[:size]

    def __reduce__(self):
        return _buffer, self._place


@functools.cache
def _buffer(*place: int) -> SharedBuffer:
    """Return a buffer in a worker, which receives the same one again and again."""
    return SharedBuffer(*place)


class Lock:
    """A lock that one thread of one process holds at a time: the one that has read the only byte of a pipe."""

    def __init__(self, descriptors: tuple[int, int] | None = None):
        self.descriptors = descriptors or os.pipe()
        if descriptors is None:
            os.write(self.descriptors[1], b".")
            for descriptor in self.descriptors:
                weakref.finalize(self, os.close, descriptor)

    def __enter__(self) -> None:
        os.read(self.descriptors[0], 1)

    def __exit__(self, *_) -> None:
        os.write(self.descriptors[1], b".")

    def __reduce__(self):
        return Lock, (self.descriptors,)
