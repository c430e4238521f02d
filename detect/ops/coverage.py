"""Find the true boxes that anchors or points of a dense head can learn, each as if it was alone in its image.

For the millions of boxes of a dataset: a box is compared with few anchors or points, with the same result as if it was
compared with all of them.
"""

from collections.abc import Sequence

import numpy as np

from detect.ops.boxes import paired_iou

Grids = tuple[tuple[int, int], ...]  # rows and columns of each level


def best_overlaps(boxes: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
    """Return the IoU of each box with the anchor that overlaps it most, float32 [n].

    Of anchors of one size, the one whose centre is nearest in x and in y overlaps most.

    Args:
        boxes: float32 [n, 4], pixels.
        levels: the anchors of each level, float32 [rows, columns, k, 4], pixels: in each cell k anchors of the same
            sizes, around one centre.
    """
    best = np.zeros(len(boxes), np.float32)
    x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2
    for level in levels:
        row = _nearest(level[:, 0, 0, 1::2].mean(axis=1), y)
        column = _nearest(level[0, :, 0, 0::2].mean(axis=1), x)
        ious = paired_iou(level[row, column], boxes[:, None]).numpy()  # [n, k]
        best = np.maximum(best, ious.max(axis=1))
    return best


def by_cell(anchors: np.ndarray, grids: Grids, numbers: Sequence[int]) -> list[np.ndarray]:
    """Return the anchors [A, 4] of each level, cell by cell: [rows, columns, k, 4], where k is of `numbers`."""
    ends = np.cumsum([rows * columns * number for (rows, columns), number in zip(grids, numbers, strict=True)])
    levels = zip(np.split(anchors, ends[:-1]), grids, numbers, strict=True)
    return [level.reshape(*grid, number, 4) for level, grid, number in levels]


def have_points(
    boxes: np.ndarray, points: np.ndarray, grids: Grids, ranges: np.ndarray, reaches: np.ndarray
) -> np.ndarray:
    """Return which boxes have a point by the rules of `assign_points`, bool [n].

    The rules are for x and y separately but for the least distance to the farthest side, which either may keep. So rows
    and columns of points are looked at instead of all points.

    Args:
        boxes: float32 [n, 4], pixels.
        points: float32 [A, 2], level by level and row by row, pixels.
        grids: rows and columns of the levels.
        ranges: least and largest distance to the farthest side of each level, [levels, 2], pixels.
        reaches: largest distance of a point of each level from the centre of its box, [levels], pixels.
    """
    found = np.zeros(len(boxes), bool)
    levels = np.split(points, np.cumsum([rows * columns for rows, columns in grids[:-1]]))
    for level, grid, (least, most), reach in zip(levels, grids, ranges, reaches, strict=True):
        places = level.reshape(*grid, 2)
        x = _farthest_side(boxes[:, 0::2], places[0, :, 0], most, reach)
        y = _farthest_side(boxes[:, 1::2], places[:, 0, 1], most, reach)
        found |= (np.minimum(x, y) > 0) & (np.maximum(x, y) >= least)
    return found


def _farthest_side(edges: np.ndarray, places: np.ndarray, most: float, reach: float) -> np.ndarray:
    """Return, for the two edges of each box on an axis [n, 2], the largest distance of a place [m] to the farther edge.

    Only places count that are inside, nearer than `reach` to the centre, and not farther than `most` from an edge: 0
    where there is none.
    """
    low, high = places - edges[:, :1], edges[:, 1:] - places  # [n, m]
    farther = np.maximum(low, high)
    counts = (np.minimum(low, high) > 0) & (np.abs(low - high) < 2 * reach) & (farther <= most)
    return np.where(counts, farther, 0).max(axis=1)


def _nearest(centres: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the positions of the nearest of ascending `centres` [m] to each value [n]."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
