"""What is said where a step waits for its batch for so long that a disk may hang."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from detect.errors import listed

SECONDS = 60.0  # of waiting after which it is said, once for each step
PERIOD = 5.0  # seconds between two looks at the clock
NAMED = 5  # images that are named


class SlowData:
    """Watches, in a thread of its own, how long steps wait for their batches. A context manager."""

    def __init__(self, image_paths: Callable[[int], Sequence[Path]], say: Callable[[str], None]):
        """
        Args:
            image_paths: returns the images that the samples of a step are made of.
            say: shows a line to the user.
        """
        self._image_paths, self._say = image_paths, say
        self._waiting: tuple[int, float] | None = None  # a step, and the reading of the clock when it began to wait
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="detect-slow-data", daemon=True)

    @contextlib.contextmanager
    def waiting(self, step: int) -> Iterator[None]:
        """Within the block, a step waits for its batch."""
        self._waiting = step, time.monotonic()
        try:
            yield
        finally:
            self._waiting = None

    def look(self, now: float) -> None:
        """Say it if a step waits for too long at this reading of the clock, and has not been named yet."""
        waiting = self._waiting
        if waiting is None or now - waiting[1] < SECONDS:
            return
        self._waiting = None
        names = listed([str(path) for path in self._image_paths(waiting[0])], NAMED)
        self._say(
            f"Step {waiting[0]} has waited for its images for {SECONDS:.0f} seconds. Does a disk hang, or is it slow? "
            f"Being read: {names}."
        )

    def __enter__(self) -> "SlowData":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(PERIOD):
            self.look(time.monotonic())
