"""What of this machine the process may use, which in a container is less than what the machine has."""

import math
import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")  # what Linux says of the limits of a container
GIGABYTE = 10**9


def cores() -> int:
    """CPU cores to work on."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, core_limit() or allowed)


def core_limit() -> int | None:
    """As many cores as the container's share of the processors' time makes (`docker run --cpus`); None without limit.

    Programs that ask for the number of cores are told those of the machine. With as many threads they use their share
    up in a moment, and then stand still, all of them.
    """
    try:
        quota, period = _quota()
    except (OSError, ValueError):  # no such files, or the limit is the word "max"
        return None
    return max(1, math.ceil(quota / period)) if quota > 0 and period > 0 else None


def free_memory() -> int:
    """Bytes that this process may still take, by the kernel's and the container's count; 4 GB where none is known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 4 * GIGABYTE
    return min(free, _memory_of_container(free))


def _quota() -> tuple[int, int]:
    """Microseconds of the processors' time that the container has in a period, and the period's."""
    whole = GROUPS / "cpu.max"  # version 2
    if whole.exists():
        quota, period = whole.read_text().split()
        return int(quota), int(period)
    quota, period = ((GROUPS / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return int(quota), int(period)


def _memory_of_container(otherwise: int) -> int:
    """What is left of the limit, which /proc/meminfo does not show."""
    try:
        limit, used = (int((GROUPS / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no such files, or the limit is the word "max"
        return otherwise
    return max(0, limit - used)
