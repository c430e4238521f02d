"""Measure one model in a separate process: `python -m detect.export.measuring FOLDER SECONDS` prints JSON.

`detect.export.comparison` starts it, so that back ends share neither memory nor threads.
"""

import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detect.inference.loading import load

BATCH = 8  # images per batch
CALLS, WARM_UPS = 20, 3  # minimum number of timed calls, and calls before them


def main() -> None:
    """Time predictions on arrays of the model's own image size, so that no file is read and no image resized."""
    folder, seconds = sys.argv[1:]
    model = load(folder)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, model.image_size, model.image_size, 3), np.uint8)
    one = times_of(lambda: model.predict(images[0]), float(seconds))
    batch = times_of(lambda: model.predict(list(images)), float(seconds))
    figures = {
        "milliseconds": 1e3 * statistics.median(one),
        "milliseconds_95": 1e3 * statistics.quantiles(one, n=20)[-1],
        "images_per_second": BATCH / statistics.median(batch),
        "memory": peak_memory() / 1e6,
    }
    print(json.dumps(figures))


def times_of(work: Callable[[], object], seconds: float) -> list[float]:
    """Return the times of calls over at least this many seconds, in seconds."""
    for _ in range(WARM_UPS):
        work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, bytes; NaN where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux; on Linux, `ru_maxrss` may be that of the parent process
        return _peak_memory_elsewhere()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _peak_memory_elsewhere() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
