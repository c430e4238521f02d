"""Works in processes of their own that take turns, so that what else the machine does hits all of them alike.

Each side of a comparison has its process, in the environment that its project asks for: two frameworks in one would
share threads and memory, and PyTorch cannot even be loaded after TensorFlow.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Answer = dict[str, Any]  # of `serving.measured`, and what the work returned
TOOLS = Path(__file__).parents[1]


class Worker:
    """A script that calls `serving.serve`, running; use it in a `with` statement."""

    def __init__(self, python: Path | str, script: str, cores: int | None = None):
        """
        Args:
            python: of the environment to run in.
            script: file of this folder.
            cores: processors that it may use, all by default; the frameworks start as many threads.
        """
        self.script = script
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  the process writes into it until both are gone
        command = [str(python), "-m", f"measuring.{Path(script).stem}"]
        if cores and hasattr(os, "sched_getaffinity"):
            allowed = sorted(os.sched_getaffinity(0))[:cores]
            command = ["taskset", "--cpu-list", ",".join(map(str, allowed)), *command]
        self._process = subprocess.Popen(
            command, text=True, cwd=TOOLS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is the end of its work

    def do(self, work: str) -> Answer:
        """What one call of the named work says and takes.

        Raises:
            RuntimeError: it failed; with what the process said of it.
        """
        print(work, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer = json.loads(line) if line else {"error": f"The process ended.\n{self._last_words()}"}
        if "error" in answer:
            raise RuntimeError(f"{self.script}, {work}: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        return self._said.read()[-2000:]


def take_turns(
    works: Sequence[Callable[[], Answer]], rounds: int, seconds: float, warmups: int = 1
) -> list[list[Answer]]:
    """What each of the works answered in each round, A B A B ...

    Args:
        rounds: at the least.
        seconds: more rounds follow while less time than this is spent.
        warmups: calls of each before the first round, not in the result.
    """
    for work in works:
        for _ in range(warmups):
            work()
    answers: list[list[Answer]] = [[] for _ in works]
    start = time.perf_counter()
    while len(answers[0]) < rounds or time.perf_counter() - start < seconds:
        for work, found in zip(works, answers, strict=True):
            found.append(work())
    return answers
