"""What a server takes at most, and how it refuses what is more."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

RETRY_AFTER = 1  # seconds: by then, a full queue has been worked off


@dataclass(frozen=True)
class RequestLimits:
    """The most that a server takes from its clients."""

    bytes: int = 32 * 2**20  # of a request
    pixels: int = 64 * 10**6  # of an image: a phone's largest photos have 50 million
    seconds: float = 30.0  # from a request to its answer
    requests: int = 64  # at a time, which bounds the memory that they take


class Refused(Exception):
    """A request that is answered with an error: the HTTP status, and a sentence that says what to do."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}


class Admission:
    """Counts the requests in progress, and refuses those that are too many. It belongs to one thread.

    Attributes:
        count: requests in progress.
    """

    def __init__(self, most: int):
        self.count = 0
        self._most = most

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request while the context lasts.

        Raises:
            Refused: as many as are allowed are in progress.
        """
        if self.count >= self._most:
            raise Refused(503, f"{self.count} requests are in progress, as many as are taken. Try again in a second.")
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
