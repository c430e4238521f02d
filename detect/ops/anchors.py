"""Anchor boxes and points of dense heads, all levels of a pyramid one after the other.

The size of an image is known when a step is traced, so these are NumPy constants, computed once per size. A level of
stride s has ceil(height / s) rows of ceil(width / s) cells, as many as convolutions of stride 2 leave, in row-major
order. Conventions differ in two ways:

- `offset`: an anchor lies at the top-left corner of its cell (0: torchvision, detectron2) or at its centre (0.5:
  TensorFlow).
- `spread`: where a side of the image is not a multiple of the stride, cells are one stride apart (False), or as far as
  the side divided by the number of cells, rounded down to whole pixels (True: torchvision).
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
    """Return the anchors of an image.

    A cell has an anchor of each ratio and, within a ratio, of each size.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        strides: of the levels, pixels.
        sizes: for each level, the square roots of the areas of its anchors, pixels.
        ratios: height / width of the anchors, the same at every level.
        offset: where in its cell the centre of an anchor lies, in strides: 0 for the top-left corner, 0.5 for the
            centre.
        rounded: whether the corners of a cell's anchors are rounded to whole pixels, as in torchvision.
        spread: whether the cells are spread over the image, see above.

    Returns:
        float32 [A, 4], pixels, read-only.
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
    """Return one point per cell.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        strides: of the levels, pixels.
        offset: where in its cell a point lies, in strides: 0 for the top-left corner, 0.5 for the centre.
        spread: whether the cells are spread over the image, see above.

    Returns:
        The points `x, y`, float32 [A, 2], and the strides of their levels, float32 [A]; pixels, read-only.
    """
    corners = [_corners(height, width, stride, spread) + offset * stride for stride in strides]
    lengths = [len(level) for level in corners]
    return shared_array(np.concatenate(corners)), shared_array(np.repeat(np.asarray(strides), lengths))


def cells(height: int, width: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of cells of each level; all sizes in pixels."""
    return tuple(math.prod(grid) for grid in grids(height, width, strides))


def grids(height: int, width: int, strides: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the number of rows and columns of each level's cells; all sizes in pixels."""
    return tuple((math.ceil(height / stride), math.ceil(width / stride)) for stride in strides)


def _corners(height: int, width: int, stride: int, spread: bool) -> np.ndarray:
    """Return the top-left corners `x, y` [cells, 2] of a level's cells, row by row."""
    ((rows, columns),) = grids(height, width, (stride,))
    down, right = (height // rows, width // columns) if spread else (stride, stride)
    y, x = np.meshgrid(np.arange(rows) * down, np.arange(columns) * right, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=-1).astype(float)


def _cell_anchors(sizes: tuple[float, ...], ratios: tuple[float, ...], rounded: bool) -> np.ndarray:
    """Return the anchors [len(ratios) * len(sizes), 4] of a cell at the origin."""
    root = np.sqrt(np.asarray(ratios, np.float64))[:, None]
    half = np.stack([(np.asarray(sizes) / root).ravel(), (np.asarray(sizes) * root).ravel()], axis=-1) / 2
    anchors = np.concatenate([-half, half], axis=-1)
    return anchors.round() if rounded else anchors


def shared_array(values: np.ndarray) -> np.ndarray:
    """Return a read-only float32 copy of `values`, for a cached function, whose callers all get the same array."""
    values = values.astype(np.float32)
    values.flags.writeable = False
    return values
