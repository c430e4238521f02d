"""Reading of PyTorch's files (`.pth`, `.pt`): only tensors are read, so code in a file cannot run."""

import importlib.util
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput, RunFailure

ENDINGS = (".pth", ".pt")


def require_torch(path: str | Path) -> None:
    """Raise RunFailure if `path` is a file of PyTorch, and PyTorch is not installed; called before a long download."""
    if Path(path).suffix in ENDINGS:
        _require_torch(path)


def _require_torch(path: str | Path) -> None:
    if importlib.util.find_spec("torch") is None:
        raise RunFailure(
            f"Reading {path} needs PyTorch, which is not installed: pip install torch. "
            "Without a GPU, install its CPU build, as https://pytorch.org describes."
        )


def read_tensors(path: Path, entry: str | None = None) -> dict[str, np.ndarray]:
    """Read the tensors of a state dictionary, by name.

    Args:
        path: the file.
        entry: key of the state dictionary in the dictionary that the file contains. None: the file is the state
            dictionary.

    Raises:
        BadInput: the file is damaged, or something else.
        RunFailure: PyTorch is not installed.
    """
    _require_torch(path)
    try:
        import torch

        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content if entry is None else content[entry]
        return {str(name): tensor.numpy() for name, tensor in state.items()}
    except KeyError:
        raise BadInput(f"{path}: expected a PyTorch file with an entry {entry!r}; it has {_keys(content)}.") from None
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path} is not a PyTorch state dictionary: {reason}") from None


def _keys(content: Any) -> str:
    return ", ".join(map(str, list(content)[:10]))
