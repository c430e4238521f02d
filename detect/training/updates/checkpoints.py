"""Checkpoints: the state of a run in one file, which is replaced as a whole or not at all.

The one before stays beside it, for the case that the last one is damaged. Damage is found when a checkpoint is read: it
is a zip archive, which has a CRC-32 of each of its members.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pydantic
import tensorflow as tf

from detect.errors import BadInput
from detect.files import whole_file

Count = Annotated[int, pydantic.Field(ge=0)]
Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]
Duration = Annotated[Finite, pydantic.Field(ge=0)]


@dataclass
class Position:
    """The state of a run besides its variables."""

    __pydantic_config__ = pydantic.ConfigDict(extra="forbid")

    step: Count = 0  # updates made
    seconds: Duration = 0.0  # spent so far
    progress: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.0  # 0..1
    best: Finite = -1.0  # highest AP of a validation; -1 before the first
    best_step: Count = 0  # step of that validation
    stale: Count = 0  # validations since the best
    validations: Count = 0  # made so far
    validated_step: Count = 0  # step of the last validation
    closing_step: Count | None = None  # at which the closing phase began
    parts: Annotated[int, pydantic.Field(ge=1)] = 1  # that each batch is divided into, because it would not fit
    saved_step: Count = 0  # step of the last checkpoint
    saved_seconds: Duration = 0.0  # `seconds` at the last checkpoint


class State(NamedTuple):
    """The content of a checkpoint."""

    position: Position
    names: list[str]  # of the variables
    arrays: list[np.ndarray]  # their values


def save_checkpoint(paths: tuple[Path, Path], position: Position, variables: list[tf.Variable]) -> None:
    """Write position and variables to the first path, whole or not at all.

    Args:
        paths: the file, and the name that the one gets which is there so far.
        position: of the run.
        variables: of the run.

    Raises:
        RunFailure: the file cannot be written.
    """
    arrays = {f"variable_{index}": np.asarray(variable) for index, variable in enumerate(variables)}
    names = [variable.name for variable in variables]
    header = json.dumps({"position": asdict(position), "names": names})
    path, before = paths
    size = sum(array.nbytes for array in arrays.values())
    with whole_file(path, synced=True, kept=before, size=size) as file:
        np.savez(file, allow_pickle=False, header=np.array(header), **arrays)


def load_latest(paths: Sequence[Path], variables: list[tf.Variable], say: Callable[[str], None]) -> Position:
    """Assign the values of the newest sound checkpoint to `variables` and return the position saved with them.

    Args:
        paths: the checkpoints of a run, the newest first; some may be missing.
        variables: of the run.
        say: is told of a checkpoint that cannot be used where an older one can.

    Raises:
        BadInput: no checkpoint can be read, or they are of other variables.
    """
    path, *older = paths
    try:
        return load_checkpoint(path, variables)
    except DamagedCheckpoint as failure:
        if not older:
            raise DamagedCheckpoint(f"{failure} Start anew under another --name.") from None
        say(f"Warning: {failure} The checkpoint before it is used, {older[0]}.")
    return load_latest(older, variables, say)


class DamagedCheckpoint(BadInput):
    """A checkpoint that is missing or damaged."""


def load_checkpoint(path: Path, variables: list[tf.Variable]) -> Position:
    """Assign the values in `path` to `variables` and return the position saved with them.

    Raises:
        DamagedCheckpoint: the file is missing or damaged.
        BadInput: it was written for other variables.
    """
    position, names, arrays = _read(path)
    _check_same(path, names, arrays, variables)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return position


def _read(path: Path) -> State:
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            arrays = [archive[f"variable_{index}"] for index in range(len(header["names"]))]
        # An earlier version did not write the step of the last validation.
        given = {"validated_step": header["position"].get("step"), **header["position"]}
        position = pydantic.TypeAdapter(Position).validate_python(given)
    except FileNotFoundError:
        raise DamagedCheckpoint(f"The checkpoint {path} is missing.") from None
    except pydantic.ValidationError as error:
        wrong = ", ".join(f"{'.'.join(map(str, each['loc']))} is {each['input']!r}" for each in error.errors())
        raise DamagedCheckpoint(f"The checkpoint {path} cannot be read: in its position, {wrong}.") from None
    except Exception as error:  # of a damaged archive; NumPy's own text may advise to load the file unsafely
        what = getattr(error, "strerror", None) or "it is damaged, or not a checkpoint"
        raise DamagedCheckpoint(f"The checkpoint {path} cannot be read: {what}.") from error
    return State(position, header["names"], arrays)


def _check_same(path: Path, names: list[str], arrays: list[np.ndarray], variables: list[tf.Variable]) -> None:
    if len(names) != len(variables):
        raise BadInput(f"The checkpoint {path} holds {len(names)} variables, the run has {len(variables)}.")
    for name, array, variable in zip(names, arrays, variables, strict=True):
        if array.shape != tuple(variable.shape):
            raise BadInput(
                f"{path}: {name} has shape {array.shape}, the run's {variable.name} {tuple(variable.shape)}."
            )
