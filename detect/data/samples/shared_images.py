"""Decoded images in memory that threads and worker processes share."""

import numpy as np

from detect.data.samples.shared_memory import Lock, SharedMemory

# Numbers for each image: the byte at which it starts, counted from 1 (0: it is not here; negative: it is being copied),
# its sides, and how many are using it.
START, HEIGHT, WIDTH, USERS = range(4)
# Numbers for the whole memory: where the next image goes in the fixed part, and in the ring; and the first and the last
# image in the ring, in the order in which they came.
FIXED_END, HEAD, OLDEST, NEWEST = range(4)


class SharedImages:
    """Images uint8 [H, W, 3] by number, below `count`.

    The images that come first are kept in the fixed part of the memory and stay. When it is full, the rest is a ring,
    in which each new image replaces the oldest. An image in use is not replaced; a new one that finds no room is not
    kept.
    """

    def __init__(self, count: int, fixed: int, ring: int):
        """
        Args:
            count: numbers of images are below it.
            fixed: bytes of the fixed part.
            ring: bytes of the ring.
        """
        self._count, self._fixed, self._end = count, fixed, fixed + ring
        self._lock = Lock()
        self._memory = SharedMemory()
        self._pixels = self._memory.allocate(self._end)
        self._numbers = self._memory.allocate(8 * (4 + 5 * count))
        self.descriptors = (self._memory.descriptor, self._lock.descriptor)  # that a worker process needs
        self._view()

    def __getstate__(self):
        return self._count, self._fixed, self._end, self._lock, self._pixels, self._numbers

    def __setstate__(self, state):
        self._count, self._fixed, self._end, self._lock, self._pixels, self._numbers = state
        self._view()

    def _view(self) -> None:
        """View the memory as Python's integers, not NumPy's: it is faster to read a few of them."""
        self._bytes = np.frombuffer(self._pixels.bytes, np.uint8)
        numbers, count = self._numbers.bytes.cast("q"), self._count
        self._state, self._images, self._queue = numbers[:4], numbers[4:-count], numbers[-count:]

    def acquire(self, number: int) -> np.ndarray | None:
        """Return an image, read-only, or None where it is not here. Call `release` when it is no longer used."""
        place = 4 * number
        with self._lock:
            start, height, width, users = self._images[place : place + 4]
            if start <= 0:
                return None
            self._images[place + USERS] = users + 1
        image = self._bytes[start - 1 : start - 1 + 3 * height * width].reshape(height, width, 3)
        image.flags.writeable = False
        return image

    def release(self, number: int) -> None:
        """End one use of an image that was acquired."""
        with self._lock:
            self._images[4 * number + USERS] -= 1

    @property
    def is_filling(self) -> bool:
        """True until an image has found no room in the fixed part of the memory."""
        return self._state[NEWEST] == 0 and self._state[FIXED_END] < self._fixed

    def keep(self, number: int, image: np.ndarray) -> None:
        """Copy an image, if there is room and no one else has kept it in the meantime."""
        place = 4 * number
        with self._lock:
            start = None if self._images[place + START] else self._claim(number, image.nbytes)
            if start is None:
                return
            self._images[place + START], self._images[place + USERS] = -(start + 1), 1
        self._bytes[start : start + image.nbytes] = image.reshape(-1)
        with self._lock:
            self._images[place + START] = start + 1
            self._images[place + HEIGHT], self._images[place + WIDTH] = image.shape[:2]
            self._images[place + USERS] -= 1

    def _claim(self, number: int, size: int) -> int | None:
        """Claim `size` free bytes for an image, and return where they start; None where there is no room."""
        end = self._state[FIXED_END]
        if end + size <= self._fixed:
            self._state[FIXED_END] = end + size
            return end
        start = self._room_in_ring(size)
        if start is not None:
            self._state[HEAD] = start + size
            self._queue[self._state[NEWEST] % self._count] = number
            self._state[NEWEST] += 1
        return start

    def _room_in_ring(self, size: int) -> int | None:
        """Drop the oldest images of the ring, which lie ahead of its head, until there is room; return where."""
        if size > self._end - self._fixed:
            return None
        while self._state[OLDEST] < self._state[NEWEST]:
            head = self._state[HEAD]
            oldest = self._queue[self._state[OLDEST] % self._count]
            tail = abs(self._images[4 * oldest + START]) - 1
            if tail < head <= self._end - size:
                return head
            if tail < head:
                head = self._state[HEAD] = self._fixed
            if size <= tail - head:
                return head
            if self._images[4 * oldest + USERS]:
                return None
            self._images[4 * oldest + START] = 0
            self._state[OLDEST] += 1
        return self._fixed
