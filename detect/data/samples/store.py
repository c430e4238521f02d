"""Decoded pictures in memory that threads and worker processes share."""

import numpy as np

from detect.data.samples.shared import Lock, SharedMemory

# Of each picture: the byte it starts at, counted from 1 (0: it is not here; below 0: it is being copied), its sides,
# and how many are using it.
START, HEIGHT, WIDTH, USERS = range(4)
# Of the store: where the next picture of the first part goes, and of the second; the first and the last, in the order
# of their coming, of those in the second part.
FIRST_END, HEAD, OLDEST, NEWEST = range(4)


class Store:
    """Pictures uint8 [H, W, 3] by number, below `count`.

    The first ones stay. When their part of the memory is full, the other part is for those that come last: each takes
    the place of the oldest. A picture that is in use keeps its place; one that finds none is not kept.
    """

    def __init__(self, count: int, first: int, last: int):
        """
        Args:
            first: bytes for the pictures that come first.
            last: bytes for those that come last.
        """
        self._count, self._first, self._end = count, first, first + last
        self._lock = Lock()
        self._memory = SharedMemory()
        self._pixels = self._memory.allocate(max(1, self._end))
        self._numbers = self._memory.allocate(8 * (4 + 5 * count))
        self.descriptors = (self._memory.descriptor, *self._lock.descriptors)  # that a worker needs
        self._view()

    def __getstate__(self):
        return self._count, self._first, self._end, self._lock, self._pixels, self._numbers

    def __setstate__(self, state):
        self._count, self._first, self._end, self._lock, self._pixels, self._numbers = state
        self._view()

    def _view(self) -> None:
        """Python's integers in place of NumPy's: looking at a few of them is faster."""
        self._bytes = np.frombuffer(self._pixels.map, np.uint8)
        numbers, count = memoryview(self._numbers.map).cast("q"), self._count
        self._state, self._pictures, self._queue = numbers[:4], numbers[4:-count], numbers[-count:]

    def find(self, number: int) -> np.ndarray | None:
        """The picture, read-only, or None. Whoever gets one must say when it is no longer used: `release`."""
        place = 4 * number
        with self._lock:
            start, height, width, users = self._pictures[place : place + 4]
            if start <= 0:
                return None
            self._pictures[place + USERS] = users + 1
        picture = self._bytes[start - 1 : start - 1 + 3 * height * width].reshape(height, width, 3)
        picture.flags.writeable = False
        return picture

    def release(self, number: int) -> None:
        """A picture that was found is no longer used."""
        with self._lock:
            self._pictures[4 * number + USERS] -= 1

    def keep(self, number: int, picture: np.ndarray) -> None:
        """Copy it, where there is room and no one else has kept it meanwhile."""
        place = 4 * number
        with self._lock:
            start = None if self._pictures[place + START] else self._claim(number, picture.nbytes)
            if start is None:
                return
            self._pictures[place + START], self._pictures[place + USERS] = -(start + 1), 1
        self._bytes[start : start + picture.nbytes] = picture.reshape(-1)
        with self._lock:
            self._pictures[place + START] = start + 1
            self._pictures[place + HEIGHT], self._pictures[place + WIDTH] = picture.shape[:2]
            self._pictures[place + USERS] -= 1

    def _claim(self, number: int, size: int) -> int | None:
        """Where so many bytes are free."""
        end = self._state[FIRST_END]
        if end + size <= self._first:
            self._state[FIRST_END] = end + size
            return end
        start = self._claim_last(size)
        if start is not None:
            self._state[HEAD] = start + size
            self._queue[self._state[NEWEST] % self._count] = number
            self._state[NEWEST] += 1
        return start

    def _claim_last(self, size: int) -> int | None:
        """In the second part, which is written round and round; what lies ahead is the oldest."""
        if size > self._end - self._first:
            return None
        while self._state[OLDEST] < self._state[NEWEST]:
            head = self._state[HEAD]
            oldest = self._queue[self._state[OLDEST] % self._count]
            tail = abs(self._pictures[4 * oldest + START]) - 1
            if tail < head <= self._end - size:
                return head
            if tail < head:
                head = self._state[HEAD] = self._first
            if size <= tail - head:
                return head
            if self._pictures[4 * oldest + USERS]:
                return None
            self._pictures[4 * oldest + START] = 0
            self._state[OLDEST] += 1
        return self._first
