"""Assignment of the tensors of a published file to the variables of a model, with nothing left over on either side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from detect.errors import BadInput
from detect.layers.batch_normalization import BatchNormalization

SHOWN = 20  # tensors that an error names
STEP_COUNT = ".num_batches_tracked"  # end of the names of PyTorch's counts of training steps, which no model needs

Convert = Callable[[np.ndarray], np.ndarray]


def unchanged(array: np.ndarray) -> np.ndarray:
    """Return the array as it is in the file."""
    return array


def kernel(array: np.ndarray) -> np.ndarray:
    """Convert the kernel of a convolution from PyTorch's [out, in, height, width] to [height, width, in, out]."""
    return array.transpose(2, 3, 1, 0)


def depthwise_kernel(array: np.ndarray) -> np.ndarray:
    """Convert a depthwise kernel from PyTorch's [channels, 1, height, width] to [height, width, channels, 1]."""
    return array.transpose(2, 3, 0, 1)


def matrix(array: np.ndarray) -> np.ndarray:
    """Convert the weights of a fully connected layer from PyTorch's [out, in] to [in, out]."""
    return array.transpose()


class Target(NamedTuple):
    """A tensor of the file and its variable."""

    name: str  # in the file
    variable: Any  # of the model
    convert: Convert = unchanged  # from the file's shape to the variable's


def batch_normalization_targets(name: str, layer: BatchNormalization) -> Iterator[Target]:
    """Map the tensors of a batch normalisation in PyTorch."""
    yield Target(f"{name}.weight", layer.gamma)
    yield Target(f"{name}.bias", layer.beta)
    yield Target(f"{name}.running_mean", layer.moving_mean)
    yield Target(f"{name}.running_var", layer.moving_variance)


def fill(
    targets: Iterable[Target], tensors: Mapping[str, np.ndarray], where: str, model: str, unused: tuple[str, ...] = ()
) -> None:
    """Assign the tensors to the variables of their targets; nothing is assigned unless all fit.

    Args:
        targets: one for each variable; several may take parts of the same tensor.
        tensors: those of the file, by name.
        where: names the file, in errors.
        model: names the model, in errors.
        unused: ends of the names of tensors that the model does not need.

    Raises:
        BadInput: tensors are missing, unexpected or of another shape; the message names them.
    """
    targets = list(targets)
    names = {target.name for target in targets}
    problems = [f"{name} is missing" for name in sorted(names - set(tensors))]
    problems += [f"{name} is not part of it" for name in tensors if name not in names and not name.endswith(unused)]
    values = [_converted(target, tensors) for target in targets]
    problems += [
        _misshapen(target, value, tensors[target.name])
        for target, value in zip(targets, values, strict=True)
        if target.name in tensors and (value is None or value.shape != tuple(target.variable.shape))
    ]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise BadInput(f"{where} does not contain the weights of {model}: {'; '.join(problems[:SHOWN])}{more}.")
    for target, value in zip(targets, values, strict=True):
        target.variable.assign(value)


def _converted(target: Target, tensors: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the value of a target; None where its tensor is missing or has dimensions that cannot be converted."""
    try:
        return target.convert(tensors[target.name])
    except (KeyError, ValueError, IndexError):
        return None


def _misshapen(target: Target, value: np.ndarray | None, tensor: np.ndarray) -> str:
    """Return what is wrong with a value of another shape than the variable has; None where it cannot be converted."""
    found = f"is {list(tensor.shape)}" if value is None else f"becomes {list(value.shape)}"
    return f"{target.name} {found} for {target.variable.path}, which is {list(target.variable.shape)}"
