"""Where a dense head looks: anchor boxes and points, all levels of a pyramid one after the other.

The size of an image is known when a step is traced, so these are NumPy constants, computed once for each size.
A level of stride s has ceil(height / s) rows of ceil(width / s) cells, which is what convolutions of stride 2 leave;
cells come row by row. Two conventions place an anchor in its cell: the cell's top-left corner (torchvision,
detectron2: offset 0) or its centre (TensorFlow: offset 0.5). Two more say how far apart cells are where a side of the
image is no multiple of the stride: the stride, or the side divided by the number of cells, cut to whole pixels
(torchvision: `spread`).
"""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=64)
def anchor_boxes(
    height: int,
    width: int,
    strides: tuple[int, ...],
    sizes: tuple[tuple[float, ...], ...],
    ratios: tuple[float, ...],
    *,
    offset: float = 0.0,
    rounded: bool = True,
    spread: bool = False,
) -> np.ndarray:
    """Anchors [A, 4] of an image of `height` x `width` pixels; `sizes` holds one tuple for each stride.

    A cell has an anchor for every ratio and, within it, for every size: area size * size, height / width = ratio.
    `rounded` rounds the anchors of a cell to whole pixels, as torchvision does.
    """
    levels = []
    for stride, level_sizes in zip(strides, sizes, strict=True):
        shifts = np.tile(_corners(height, width, stride, spread) + offset * stride, 2)  # [cells, 4]
        levels.append((shifts[:, None] + _cell_anchors(level_sizes, ratios, rounded)).reshape(-1, 4))
    return shared_array(np.concatenate(levels))


@functools.lru_cache(maxsize=64)
def points(
    height: int, width: int, strides: tuple[int, ...], offset: float = 0.5, *, spread: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """One point for each cell: `x, y` [A, 2] in pixels, and the stride [A] of its level.

    With `offset` 0.5 they are the centres of the cells, with 0 the top-left corners.
    """
    corners = [_corners(height, width, stride, spread) + offset * stride for stride in strides]
    lengths = [len(level) for level in corners]
    return shared_array(np.concatenate(corners)), shared_array(np.repeat(np.asarray(strides), lengths))


def cells(height: int, width: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    """The number of cells of each level."""
    return tuple(math.prod(_grid(height, width, stride)) for stride in strides)


def _grid(height: int, width: int, stride: int) -> tuple[int, int]:
    """Rows and columns of a level's cells."""
    return math.ceil(height / stride), math.ceil(width / stride)


def _corners(height: int, width: int, stride: int, spread: bool) -> np.ndarray:
    """Top-left corners `x, y` [cells, 2] of a level's cells, row by row."""
    rows, columns = _grid(height, width, stride)
    down, right = (height // rows, width // columns) if spread else (stride, stride)
    y, x = np.meshgrid(np.arange(rows) * down, np.arange(columns) * right, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=-1).astype(float)


def _cell_anchors(sizes: tuple[float, ...], ratios: tuple[float, ...], rounded: bool) -> np.ndarray:
    """Anchors [len(ratios) * len(sizes), 4] around the origin."""
    root = np.sqrt(np.asarray(ratios, np.float64))[:, None]
    half = np.stack([(np.asarray(sizes) / root).ravel(), (np.asarray(sizes) * root).ravel()], axis=-1) / 2
    anchors = np.concatenate([-half, half], axis=-1)
    return anchors.round() if rounded else anchors


def shared_array(values: np.ndarray) -> np.ndarray:
    """A read-only float32 copy of `values`: a cached array is handed to every caller."""
    values = values.astype(np.float32)
    values.flags.writeable = False
    return values
