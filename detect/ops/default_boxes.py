"""Default boxes of SSD: anchors for the cells of its feature maps, in shares of the image (Liu et al. 2016, 2.2).

The size of an image is known when a step is traced, so these are NumPy constants, computed once per size.
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
    """Return the default boxes of an image, map by map, the cells of a map row by row.

    With s the scale of the map and t that of the next, a cell has a box whose sides are the share s of the image's
    sides, one with the share sqrt(s * t), and for each ratio r a wide and a tall one with the shares s * sqrt(r) of one
    side and s / sqrt(r) of the other; none is larger than the image. Boxes of an image that is not square are stretched
    as the image is, as in torchvision (`DefaultBoxGenerator`).

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        grids: rows and columns of each feature map.
        scales: one per map and one more, shares of the image.
        ratios: for each map, those of its boxes, larger than 1.
        steps: distance between the cells of each map, pixels. None: the cells fill the image.

    Returns:
        float32 [A, 4], pixels, read-only.
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
    """Return the widths and heights [boxes of a cell, 2] as shares of the image."""
    sides = [(scale, scale), (math.sqrt(scale * following),) * 2]
    for ratio in ratios:
        long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        sides += [(long, short), (short, long)]
    return np.minimum(np.array(sides), 1)
