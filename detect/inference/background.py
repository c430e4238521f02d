"""Running generators ahead in threads, so that decoding, inference and encoding overlap.

A stage of the prediction pipeline is an ordinary generator. `ahead(stage, depth)` yields the same items, produced by a
thread that stays at most `depth` items ahead of the consumer. OpenCV, FFmpeg and TensorFlow release Python's lock while
they work, so the stages run in parallel.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def ahead(
    items: Iterator[T], depth: int, *, newest_only: bool = False, patience: float | None = None
) -> Generator[T, None, None]:
    """Yield the same items, produced in a thread that waits while `depth` of them are not yet consumed.

    An exception in the thread is raised here, after the items that came before it. Closing this generator, as leaving
    a `for` loop over it does, ends the thread and closes `items`, and waits for both.

    Args:
        items: the generator to run.
        depth: number of items that may wait.
        newest_only: drop the oldest waiting item instead of waiting. For cameras: a model that is too slow then sees
            fewer frames rather than ever older ones.
        patience: seconds to wait for the end of the thread; None: as long as it takes. That of a network stream which
            has stalled ends when it gives up.
    """
    channel: _Channel[T] = _Channel(depth, newest_only)
    thread = threading.Thread(target=_produce, args=(items, channel), name="detect-ahead", daemon=True)
    thread.start()
    try:
        while channel.wait_for_item():
            yield channel.take()
        if channel.failure:
            raise channel.failure
    finally:
        channel.close()
        thread.join(patience)


def _produce(items: Iterator[T], channel: "_Channel[T]") -> None:
    try:
        for item in items:
            if not channel.put(item):
                break
            del item  # it must not stay in memory until the next one exists
    except BaseException as error:  # the consumer raises it
        channel.failure = error
    finally:
        _close(items, channel)
        channel.finish()


def _close(items: Iterator[T], channel: "_Channel[T]") -> None:
    close = getattr(items, "close", None)
    try:
        if close:
            close()
    except BaseException as error:
        channel.failure = channel.failure or error


class _Channel(Generic[T]):
    """A bounded queue between one producer and one consumer, either of which may stop."""

    def __init__(self, depth: int, newest_only: bool):
        self.failure: BaseException | None = None
        self._items: deque[T] = deque()
        self._depth = depth
        self._newest_only = newest_only
        self._finished = self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Add an item as soon as there is room. Returns False once nobody will consume it."""
        with self._changed:
            if self._newest_only and len(self._items) == self._depth:
                self._items.popleft()
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._depth)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def wait_for_item(self) -> bool:
        """Wait for an item. Returns False once there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._finished or len(self._items) > 0)
            return len(self._items) > 0

    def take(self) -> T:
        with self._changed:
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def finish(self) -> None:
        """Signal that the producer has no more items."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Signal that the consumer takes no more items."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
