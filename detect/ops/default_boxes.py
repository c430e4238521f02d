"""Default boxes of SSD: where each cell of each feature map looks, in shares of the image (Liu et al. 2016, 2.2).

The size of an image is known when a step is traced, so these are NumPy constants, computed once for each size.
"""

import functools
import math

import numpy as np

from detect.ops.anchors import shared_array


@functools.lru_cache(maxsize=64)
def default_boxes(
    height: int,
    width: int,
    grids: tuple[tuple[int, int], ...],
    scales: tuple[float, ...],
    ratios: tuple[tuple[float, ...], ...],
    steps: tuple[float, ...] | None = None,
) -> np.ndarray:
    """Default boxes [A, 4], pixels, of an image of `height` x `width` pixels, map by map, their cells row by row.

    A cell has a box of scale s of the map, one of the root of s and the next scale, and for each ratio r a wide one
    and a tall one: a share s * sqrt(r) of one side of the image and s / sqrt(r) of the other, at most all of it. So
    boxes of an image that is not square are stretched as the image is, as in torchvision (`DefaultBoxGenerator`).

    Args:
        grids: rows and columns of each feature map.
        scales: one for each map, and one more.
        ratios: for each map, larger than 1.
        steps: distances of the cells of each map, pixels; by default the cells fill the image.
    """
    maps = []
    for index, (rows, columns) in enumerate(grids):
        step = (height / rows, width / columns) if steps is None else (steps[index], steps[index])
        y, x = np.meshgrid((np.arange(rows) + 0.5) * step[0], (np.arange(columns) + 0.5) * step[1], indexing="ij")
        centres = np.stack([x.ravel(), y.ravel()], axis=-1)[:, None]  # [cells, 1, 2]
        halves = _sides(scales[index], scales[index + 1], ratios[index]) * (width / 2, height / 2)
        maps.append(np.concatenate([centres - halves, centres + halves], axis=-1).reshape(-1, 4))
    return shared_array(np.concatenate(maps))


def _sides(scale: float, following: float, ratios: tuple[float, ...]) -> np.ndarray:
    """Widths and heights [boxes of a cell, 2] as shares of the image."""
    sides = [(scale, scale), (math.sqrt(scale * following),) * 2]
    for ratio in ratios:
        long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        sides += [(long, short), (short, long)]
    return np.minimum(np.array(sides), 1)
