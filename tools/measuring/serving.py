"""The worker's side of a measurement: a process that runs a task whenever it reads its name.

Imports only the standard library, because it also runs in the environments of other projects. `workers.py` is the other
side.
"""

import json
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTLING = 1.5  # seconds in which a pipeline makes its next batches in advance, so as not to disturb the other's turn
TURN = 0.2  # seconds for which a short task is repeated in its turn
Task = Callable[[], Any]  # if it returns a dictionary, its entries replace or extend what is measured here


def serve(prepare: Callable[[str], Task]) -> None:
    """Run the tasks that standard input names, one per line, and write an answer in JSON for each, until input ends.

    A task is prepared when it is first named. That time is not counted, but the first call may compile: the caller
    ignores the first answer.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    tasks: dict[str, Task] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            tasks[name] = tasks.get(name) or prepare(name)
            answer = measured(tasks[name])
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def measured(task: Task) -> dict[str, Any]:
    """Return the seconds that a call takes, those that processors work on it, and the peak memory so far.

    A short task is repeated for `TURN` seconds and its median counts. Otherwise, the time would depend on what the
    caches still hold of it after another process's turn.
    """
    times: list[float] = []
    worked = time.process_time()
    end = time.perf_counter() + TURN
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        found = task()
        times.append(time.perf_counter() - start)
    worked = (time.process_time() - worked) / len(times)
    figures = {"seconds": statistics.median(times), "processor": worked, "memory": peak_memory()}
    return {**figures, **(found if isinstance(found, dict) else {})}


def peak_memory() -> int:
    """Return the peak resident memory of this process and of the worker processes that it has now, bytes.

    Memory that several of them share counts for each. `getrusage` would also count the process that started this one.
    """
    if not Path("/proc/self/status").exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statuses = {int(status["Pid"]): status for status in map(_status, Path("/proc").glob("[0-9]*/status")) if status}
    family = {os.getpid()}
    for number in sorted(statuses):  # a child has a larger number than its parent, unless numbers wrapped around
        if int(statuses[number]["PPid"]) in family:
            family.add(number)
    return sum(int(statuses[number].get("VmHWM", "0").split()[0]) * 1024 for number in family)


def _status(path: Path) -> dict[str, str]:
    """Return what the system says about a process; empty if it has just ended."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
