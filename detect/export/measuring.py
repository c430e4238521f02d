"""Measure one model in a process of its own: `python -m detect.export.measuring FOLDER SECONDS` prints JSON.

Started by `detect.export.comparison`, so that neither memory nor threads are shared with another back end.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detect.inference.loading import load

BATCH = 8  # pictures at once
CALLS, WARM_UPS = 20, 3  # at the least, and before those that count


def main() -> None:
    """Pictures of the model's own size, as arrays: no file is read, and none is resized."""
    folder, seconds = sys.argv[1:]
    model = load(folder)
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, model.image_size, model.image_size, 3), np.uint8)
    one = times_of(lambda: model.predict(pictures[0]), float(seconds))
    batch = times_of(lambda: model.predict(list(pictures)), float(seconds))
    figures = {
        "milliseconds": 1e3 * statistics.median(one),
        "milliseconds_95": 1e3 * statistics.quantiles(one, n=20)[-1],
        "images_per_second": BATCH / statistics.median(batch),
        "memory": peak_memory() / 1e6,
    }
    print(json.dumps(figures))


def times_of(work: Callable[[], object], seconds: float) -> list[float]:
    """Of calls for so many seconds."""
    for _ in range(WARM_UPS):
        work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> int:
    """The largest resident memory of this process so far, bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux; there, this would count the process that started this one
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
