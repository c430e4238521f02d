"""Checkpoints: the state of a run in one file, which is replaced as a whole or not at all."""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.errors import BadInput
from detect.files import whole_file


@dataclass
class Position:
    """The state of a run besides its variables."""

    step: int = 0  # updates made
    seconds: float = 0.0  # spent so far
    progress: float = 0.0  # 0..1
    best: float = -1.0  # highest AP of a validation; -1 before the first
    best_step: int = 0  # step of that validation
    stale: int = 0  # validations since the best
    validations: int = 0  # made so far
    closing_step: int | None = None  # at which the closing phase began
    parts: int = 1  # that each batch is divided into, because it would not fit into memory
    saved_step: int = 0  # step of the last checkpoint
    saved_seconds: float = 0.0  # `seconds` at the last checkpoint


def save_checkpoint(path: Path, position: Position, variables: list[tf.Variable]) -> None:
    """Write position and variables to `path`, whole or not at all.

    Raises:
        RunFailure: the file cannot be written.
    """
    arrays = {f"variable_{index}": np.asarray(variable) for index, variable in enumerate(variables)}
    names = [variable.name for variable in variables]
    header = json.dumps({"position": asdict(position), "names": names})
    with whole_file(path, synced=True) as file:
        np.savez(file, allow_pickle=False, header=np.array(header), **arrays)


def load_checkpoint(path: Path, variables: list[tf.Variable]) -> Position:
    """Assign the values in `path` to `variables` and return the position saved with them.

    Raises:
        BadInput: the file is damaged, or was written for other variables.
    """
    try:
        with np.load(path) as archive:
            header = json.loads(str(archive["header"]))
            arrays = [archive[f"variable_{index}"] for index in range(len(header["names"]))]
        position = Position(**header["position"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = getattr(error, "strerror", None) or "it is damaged, or not a checkpoint"
        raise BadInput(f"The checkpoint {path} cannot be read: {what}. Start anew under another --name.") from error
    _check_same(path, header["names"], arrays, variables)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return position


def _check_same(path: Path, names: list[str], arrays: list[np.ndarray], variables: list[tf.Variable]) -> None:
    if len(names) != len(variables):
        raise BadInput(f"The checkpoint {path} holds {len(names)} variables, the run has {len(variables)}.")
    for name, array, variable in zip(names, arrays, variables, strict=True):
        if array.shape != tuple(variable.shape):
            raise BadInput(
                f"{path}: {name} has shape {array.shape}, the run's {variable.name} {tuple(variable.shape)}."
            )
