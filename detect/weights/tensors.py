"""Tensors of a published file -> the variables of a model, with every tensor accounted for both ways."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from detect.errors import BadInput

SHOWN = 20  # tensors that an error names

Convert = Callable[[np.ndarray], np.ndarray]


def unchanged(array: np.ndarray) -> np.ndarray:
    """The array as it is in the file."""
    return array


def kernel(array: np.ndarray) -> np.ndarray:
    """A convolution's kernel, [out, in, height, width] in PyTorch, [height, width, in, out] in TensorFlow."""
    return array.transpose(2, 3, 1, 0)


def depthwise_kernel(array: np.ndarray) -> np.ndarray:
    """A depthwise kernel, [channels, 1, height, width] in PyTorch, [height, width, channels, 1] in TensorFlow."""
    return array.transpose(2, 3, 0, 1)


def matrix(array: np.ndarray) -> np.ndarray:
    """A fully connected layer's weights, [out, in] in PyTorch, [in, out] in TensorFlow."""
    return array.transpose()


class Target(NamedTuple):
    """Where a tensor of the file goes."""

    name: str  # in the file
    variable: Any  # of the model
    convert: Convert = unchanged  # from the file's shape to the variable's


def fill(
    targets: Iterable[Target], tensors: Mapping[str, np.ndarray], where: str, model: str, unused: tuple[str, ...] = ()
) -> None:
    """Give every target its tensor; nothing is assigned unless all fit.

    Args:
        targets: one for each variable; two may take parts of the same tensor.
        tensors: the file's, by name.
        where: names the file, in errors,
        model: and this the model.
        unused: ends of the names of tensors that the model has no use for.

    Raises:
        BadInput: tensors are missing, spare or of another shape: they are named.
    """
    targets = list(targets)
    names = {target.name for target in targets}
    problems = [f"{name} is missing" for name in sorted(names - set(tensors))]
    problems += [f"{name} is not part of it" for name in tensors if name not in names and not name.endswith(unused)]
    values = [_converted(target, tensors) for target in targets]
    problems += [problem for problem in map(_misshapen, targets, values) if problem]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise BadInput(f"{where} does not hold the weights of {model}: {'; '.join(problems[:SHOWN])}{more}.")
    for target, value in zip(targets, values, strict=True):
        target.variable.assign(value)


def _converted(target: Target, tensors: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The target's value; None where the tensor is missing, or of so many dimensions that it cannot be converted."""
    try:
        return target.convert(tensors[target.name])
    except (KeyError, ValueError, IndexError):
        return None


def _misshapen(target: Target, value: np.ndarray | None) -> str | None:
    """What is wrong with the shape of a value, if anything; a missing one is reported elsewhere."""
    expected = tuple(target.variable.shape)
    if value is None or value.shape == expected:
        return None
    return f"{target.name} becomes {list(value.shape)} for {target.variable.path}, which is {list(expected)}"
