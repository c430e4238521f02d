"""The device on which PyTorch's side of a measurement runs: the GPU if there is one."""

from collections.abc import Callable
from typing import Any

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def finished(run: Callable[[], Any]) -> Callable[[], None]:
    """Return a function that calls `run` and waits until the device has finished."""

    def run_and_wait() -> None:
        run()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    return run_and_wait


def on_device(array: Any) -> torch.Tensor:
    return torch.from_numpy(array).to(DEVICE)
