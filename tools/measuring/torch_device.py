"""The device on which PyTorch's side of a measurement runs: the GPU if there is one."""

import itertools
import os
from collections.abc import Callable
from typing import Any

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def without_compiler(task: str) -> str:
    """Return a task without its first word `eager`, which says that functions are not compiled in this process."""
    word, _, rest = task.partition(" ")
    if word != "eager":
        return task
    torch.compiler.set_stance("force_eager")
    os.environ["EAGER"] = "1"
    return rest


def finished(run: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
    """Return a function that calls `run`, waits for the device, and returns its peak memory."""
    calls = itertools.count()

    def run_and_wait() -> dict[str, Any]:
        run()
        if DEVICE != "cuda":
            return {}
        torch.cuda.synchronize()
        if not next(calls):
            torch.cuda.empty_cache()  # others may need it until the next call
        return {"memory": torch.cuda.max_memory_allocated(), "eager": "EAGER" in os.environ}

    return run_and_wait


def on_device(array: Any) -> torch.Tensor:
    return torch.from_numpy(array).to(DEVICE)
