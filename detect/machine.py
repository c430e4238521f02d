"""Cores and memory that the process may use, which in a container are fewer, and the folder for caches."""

import math
import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")  # where Linux tells the limits of a container
GIGABYTE = 10**9


def cache_folder() -> Path:
    """Return the folder of downloads and caches: the environment variable DETECT_CACHE, or `~/.cache/detect`."""
    return Path(os.environ.get("DETECT_CACHE") or "~/.cache/detect").expanduser()


def stated_number(variable: str, otherwise: int) -> int:
    """Return the whole number of 1 or more in an environment variable, or `otherwise` where there is none."""
    stated = os.environ.get(variable, "")
    return int(stated) if stated.isascii() and stated.isdigit() and int(stated) > 0 else otherwise


def cores() -> int:
    """Return the number of CPU cores that the process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, core_limit() or allowed)


def core_limit() -> int | None:
    """Return the limit of a container in cores (`docker run --cpus`), rounded up; None if there is none.

    Programs that ask for the number of cores get that of the machine. With as many threads they use up their share of
    time early in each period, and then all threads wait for the next one.
    """
    try:
        quota, period = _quota()
    except (OSError, ValueError):  # no such files, or the limit is the word "max"
        return None
    return max(1, math.ceil(quota / period)) if quota > 0 and period > 0 else None


def free_memory() -> int:
    """Return the bytes of memory that are free for this process, in its container too; 4 GB if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 4 * GIGABYTE
    return min(free, _memory_of_container(free))


def _quota() -> tuple[int, int]:
    """Return the processor time of the container per period, and the period, microseconds."""
    whole = GROUPS / "cpu.max"  # version 2
    if whole.exists():
        quota, period = whole.read_text().split()
        return int(quota), int(period)
    quota, period = ((GROUPS / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return int(quota), int(period)


def _memory_of_container(otherwise: int) -> int:
    """Return the bytes left of the container's limit, which /proc/meminfo does not show."""
    try:
        limit, used = (int((GROUPS / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no such files, or the limit is the word "max"
        return otherwise
    return max(0, limit - used)
