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

if sys.platform != "win32":
    import fcntl


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
    """A lock that one thread of one process holds at a time. Where a process is killed that holds it, it is free.

    Each process opens the file of the lock anew, because descriptors that are inherited are one holder for the system.
    """

    def __init__(self, descriptor: int | None = None):
        """`descriptor`: of the lock of another process, which this one has inherited; None: a new lock."""
        self._threads = threading.Lock()
        self._own = -1  # descriptor of the file as opened by this process
        self.descriptor = descriptor if descriptor is not None else -1
        if CAN_SHARE and descriptor is None:
            self.descriptor = os.memfd_create("detect-lock")
            weakref.finalize(self, os.close, self.descriptor)

    def __enter__(self) -> None:
        self._threads.acquire()
        if CAN_SHARE:
            if self._own < 0:
                self._own = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDWR)
                weakref.finalize(self, os.close, self._own)
            fcntl.flock(self._own, fcntl.LOCK_EX)

    def __exit__(self, *_) -> None:
        if CAN_SHARE:
            fcntl.flock(self._own, fcntl.LOCK_UN)
        self._threads.release()

    def __reduce__(self):
        return Lock, (self.descriptor,)
