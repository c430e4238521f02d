"""The content of a file in memory that the system reads when it is used, and arrays in it."""

import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from detect.data.regular_files import open_regular

BFLOAT16 = np.dtype("<u2")  # holds the upper half of a float32; NumPy has no type for it


def mapped(path: Path) -> memoryview:
    """Return the content of a file; OSError where it cannot be read, or is not a file, such as a pipe.

    It is read page by page when it is used, and must not change meanwhile.
    """
    with open_regular(path) as file:
        if not os.fstat(file.fileno()).st_size:  # cannot be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def as_file(content: memoryview) -> BinaryIO:
    """Return what `mapped` returned as a file that is read from its beginning."""
    file = cast(mmap.mmap, content.obj)
    file.seek(0)
    return cast(BinaryIO, file)


def are_sizes(numbers: Sequence[Any]) -> bool:
    """Return whether all numbers of a file are such as sizes can be, and not negative, fractions or texts."""
    return all(type(number) is int and number >= 0 for number in numbers)


def flat_array(content: memoryview, kind: np.dtype, count: int) -> np.ndarray:
    """Return the first `count` values of `content`, [count], without a copy; ValueError where there are fewer."""
    if count * kind.itemsize > len(content):
        raise ValueError(f"its {len(content)} bytes are fewer than its tensors need")
    return np.frombuffer(content, kind, count)


def shaped_array(content: memoryview, kind: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """Return all values of `content` as an array, without a copy; ValueError where there are more or fewer."""
    if not are_sizes(shape) or math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"a tensor has {len(content)} bytes, which is not what its shape says")
    return flat_array(content, kind, math.prod(shape)).reshape(shape)


def strided_array(flat: np.ndarray, offset: int, shape: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """Return values of `flat` [N] as an array, without a copy.

    Args:
        flat: the values.
        offset: number of the first one.
        shape: of the array.
        strides: for each axis, the distance between neighbours, values.

    Raises:
        ValueError: the array would reach outside `flat`, or have more values than it.
    """
    if len(shape) != len(strides) or not are_sizes([offset, *shape, *strides]):
        raise ValueError("the shape, the strides or the offset of a tensor are not whole numbers from 0 on")
    count = math.prod(shape)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if not count:
        return np.zeros(shape, flat.dtype)
    if last >= len(flat) or count > len(flat):
        raise ValueError(f"a tensor needs more than the {len(flat)} numbers of its storage")
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)


def native(array: np.ndarray) -> np.ndarray:
    """Return the array in the byte order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def from_bfloat16(array: np.ndarray) -> np.ndarray:
    """Return the values of bfloat16 numbers, whose bits are given as uint16, as float32: they are the same numbers."""
    return (array.astype(np.uint32) << 16).view(np.float32)
