"""Tasks in processes of their own that take turns, so that other load on the machine affects all of them alike.

Each side of a comparison has its own process, in the environment of its project: two frameworks in one process would
share threads and memory, and PyTorch cannot even be loaded after TensorFlow.
"""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Answer = dict[str, Any]  # what `serving.measured` returns
TOOLS = Path(__file__).parents[1]


class Worker:
    """A running script that calls `serving.serve`; to be used in a `with` statement."""

    def __init__(self, python: Path | str, script: str, cores: int | None = None):
        """
        Args:
            python: interpreter of the environment to run in.
            script: a file of this folder.
            cores: processor cores that it may use, all by default; frameworks start as many threads.
        """
        self.script = script
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  the process writes to it until it ends
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
        self._process.communicate()  # it ends when its input ends

    def do(self, task: str, patience: float | None = None) -> Answer:
        """Run a task once, and return its answer.

        Args:
            task: its name.
            patience: seconds after which the process is ended; None: never.

        Raises:
            RuntimeError: the task failed; the message contains the output of the process.
        """
        if patience is not None:
            timer = threading.Timer(patience, self._process.kill)
            timer.start()
            try:
                return self.do(task)
            finally:
                timer.cancel()
        print(task, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer = json.loads(line) if line else {"error": f"The process ended.\n{self._last_words()}"}
        if "error" in answer:
            raise RuntimeError(f"{self.script}, {task}: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        return self._said.read()[-2000:]


def take_turns(
    tasks: Sequence[Callable[[], Answer]], rounds: int, seconds: float, warmups: int = 1
) -> list[list[Answer]]:
    """Run tasks in turns, A B A B ..., and return the answers by task and round.

    Args:
        tasks: functions that run a task once.
        rounds: least number of rounds.
        seconds: more rounds follow until this time has passed.
        warmups: calls of each task before the first round; their answers are not returned.
    """
    for task in tasks:
        for _ in range(warmups):
            task()
    answers: list[list[Answer]] = [[] for _ in tasks]
    start = time.perf_counter()
    while len(answers[0]) < rounds or time.perf_counter() - start < seconds:
        for task, found in zip(tasks, answers, strict=True):
            found.append(task())
    return answers
