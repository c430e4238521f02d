"""The worker's side of a measurement: a process that prepares works by name, and does one whenever it is told to.

Standard library only, because it also runs in the environments of other projects. `workers.py` is the other side.
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

SETTLING = 1.5  # seconds in which a pipeline makes its next batches ahead, which must not fall into the other's turn
TURN = 0.2  # seconds of calls that a process makes when it is its turn, or one call
Work = Callable[[], Any]  # a dictionary that it returns is added to the answer, in place of what is measured here


def serve(prepare: Callable[[str], Work]) -> None:
    """Do the works that standard input names, a line each, until it ends; an answer in JSON for each of them.

    A work is prepared when it is named first. The time for that is not counted, but the first call may compile:
    whoever asks leaves the first answer out.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    works: dict[str, Work] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            works[name] = works.get(name) or prepare(name)
            answer = measured(works[name])
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def measured(work: Work) -> dict[str, Any]:
    """Seconds that a call takes, and the largest memory so far.

    A short work is repeated for `TURN` seconds and its median counts, or else what the caches held of it after another
    process's turn would decide.
    """
    times: list[float] = []
    end = time.perf_counter() + TURN
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - start)
    figures = {"seconds": statistics.median(times), "memory": peak_memory()}
    return {**figures, **(found if isinstance(found, dict) else {})}


def peak_memory() -> int:
    """The largest resident memory so far of this process and of the workers that it has now, bytes.

    What several of them share counts for each. `getrusage` would count the process that started this one.
    """
    if not Path("/proc/self/status").exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statuses = {int(status["Pid"]): status for status in map(_status, Path("/proc").glob("[0-9]*/status")) if status}
    family = {os.getpid()}
    for number in sorted(statuses):  # whoever is started has a larger number, but where they begin anew
        if int(statuses[number]["PPid"]) in family:
            family.add(number)
    return sum(int(statuses[number].get("VmHWM", "0").split()[0]) * 1024 for number in family)


def _status(path: Path) -> dict[str, str]:
    """What the system says of a process; nothing where it has just ended."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
