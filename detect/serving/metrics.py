"""What a server counts, in the text format that Prometheus reads (version 0.0.4)."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds: upper bounds of the histogram's buckets


class Metrics:
    """Counts of requests, images and batches since the start. Any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[int] = Counter()  # by HTTP status
        self._seconds = 0.0
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._images: Counter[str] = Counter()  # by model
        self._batches: Counter[str] = Counter()

    def add_request(self, status: int, seconds: float) -> None:
        """Count a request for detections, its HTTP status and the time from its headers to its answer."""
        with self._lock:
            self._requests[status] += 1
            self._seconds += seconds
            self._buckets[bisect_left(BOUNDS, seconds)] += 1

    def add_batch(self, model: str, images: int) -> None:
        """Count a batch of a model."""
        with self._lock:
            self._images[model] += images
            self._batches[model] += 1

    def text(self, in_progress: int) -> str:
        """Return all counts, and the number of requests in progress."""
        with self._lock:
            return "\n".join([*self._lines(in_progress), ""])

    def _lines(self, in_progress: int) -> Iterator[str]:
        yield from _head("detect_requests_in_progress", "gauge", "Requests for detections in progress.")
        yield f"detect_requests_in_progress {in_progress}"
        yield from _head("detect_requests_total", "counter", "Requests for detections, by HTTP status.")
        for status, count in sorted(self._requests.items()):
            yield f'detect_requests_total{{status="{status}"}} {count}'
        yield from self._histogram()
        for name, meaning, counts in (
            ("detect_images_total", "Images, or tiles of them, that a model was run on.", self._images),
            ("detect_batches_total", "Batches that a model was run on.", self._batches),
        ):
            yield from _head(name, "counter", meaning)
            for model, count in counts.items():
                yield f'{name}{{model="{_escaped(model)}"}} {count}'

    def _histogram(self) -> Iterator[str]:
        name, total = "detect_request_seconds", 0
        yield from _head(name, "histogram", "Time from the headers of a request to its answer.")
        for bound, count in zip((*BOUNDS, "+Inf"), self._buckets, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._seconds}"
        yield f"{name}_count {total}"


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
