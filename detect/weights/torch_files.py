"""PyTorch's files (`.pth`, `.pt`): nothing but tensors is read from them, so no code in them can run."""

import importlib.util
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput, RunFailure

ENDINGS = (".pth", ".pt")


def require_torch(path: str | Path) -> None:
    """RunFailure where `path` is a file of PyTorch's, and PyTorch is not installed. Asked before a long download."""
    if Path(path).suffix in ENDINGS and importlib.util.find_spec("torch") is None:
        raise RunFailure(
            f"Reading {path} needs PyTorch, which is not installed: pip install torch. "
            "Without a GPU, install its CPU build, as https://pytorch.org describes."
        )


def read_tensors(path: Path, entry: str | None = None) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary, by name.

    Args:
        path: the file.
        entry: where the state dictionary lies in the file's own dictionary; by default, the file holds nothing else.

    Raises:
        BadInput: the file is damaged, or of something else.
        RunFailure: PyTorch is not installed.
    """
    require_torch(path)
    try:
        import torch

        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content if entry is None else content[entry]
        return {str(name): tensor.numpy() for name, tensor in state.items()}
    except KeyError:
        raise BadInput(f"{path} is a PyTorch file without an entry {entry!r}: it has {_keys(content)}.") from None
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path} is not a PyTorch file of tensors by name: {reason}") from None


def _keys(content: Any) -> str:
    return ", ".join(map(str, list(content)[:10]))
