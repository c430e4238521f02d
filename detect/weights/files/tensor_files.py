"""The one way to read a file of tensors, whatever format it has. No code in it can run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detect.errors import BadInput
from detect.weights.files import onnx_file, safetensors_file, torch_file
from detect.weights.files.mapped_file import mapped


def read_tensors(path: Path, entry: str | None = None) -> dict[str, np.ndarray]:
    """Read the tensors of a file of PyTorch, safetensors or ONNX, by name.

    Its content tells the format. Numbers are read from the disk when they are used, so the file must not change
    meanwhile. Those of bfloat16 become float32.

    Args:
        path: the file.
        entry: in a file of PyTorch, the key of the state dictionary in the dictionary that the file contains; keys of
            dictionaries within each other are joined by dots. Where there is no such entry, and without a key, the file
            is the state dictionary.

    Raises:
        BadInput: the file cannot be read, is damaged, or is something else.
    """
    with _explained(path):
        content = mapped(path)
        if safetensors_file.is_safetensors(content):
            return safetensors_file.read_safetensors(content)
        if torch_file.is_torch(content):
            return torch_file.read_torch(content, entry)
        if onnx_file.is_onnx(content):
            return onnx_file.read_onnx(content)
        raise ValueError("expected a file of PyTorch (.pth, .pt), safetensors or ONNX")


def read_convolutions(path: Path) -> list[onnx_file.Convolution]:
    """Return the convolutions of an ONNX file, in the order in which they run; none where it is another file.

    Raises:
        BadInput: the file cannot be read or is damaged.
    """
    with _explained(path):
        content = mapped(path)
        return onnx_file.read_convolutions(content) if onnx_file.is_onnx(content) else []


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path} cannot be read: {reason}.") from None
