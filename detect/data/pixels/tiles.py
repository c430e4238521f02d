"""Tiles: the overlapping windows that cover a large image, the same in training, evaluation and prediction."""

import math
from typing import NamedTuple

import numpy as np
from pydantic import Field

from detect.config import Settings

LEAST_TILE = 32  # pixels
MOST_OVERLAP = 0.9


class Window(NamedTuple):
    """A part of an image, in whole pixels of it; `right` and `bottom` are one behind the last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns of the image that it shows."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows of the image that it shows."""
        return self.bottom - self.top

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return this part of an image [H, W, 3], as a view of it."""
        return image[self.top : self.bottom, self.left : self.right]


class Tiling(Settings):
    """The division of large images into square tiles, which are shown to the model instead of the whole image."""

    tile: int = Field(ge=LEAST_TILE)
    """Side of a tile, pixels of the image. Where it is the size that the model takes, no pixel is resized."""
    tile_overlap: float = Field(0.2, ge=0, le=MOST_OVERLAP)
    """Least share of its side that a tile has in common with the next one. An object that is no larger than this is
    whole in one of them."""

    def windows(self, height: int, width: int) -> list[Window]:
        """Return the tiles of an image, row by row; see `grid`."""
        return grid(height, width, self.tile, self.tile, self.tile_overlap)


def grid(height: int, width: int, rows: int, columns: int, overlap: float) -> list[Window]:
    """Return the fewest windows of one size that cover an image, evenly spread, row by row.

    An image that is smaller than a window, in one direction or both, has a smaller one there: all of it.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        rows: of a window, pixels.
        columns: of a window, pixels.
        overlap: least share of a window that it has in common with the next, 0 to less than 1.
    """
    return [
        Window(left, top, min(left + columns, width), min(top + rows, height))
        for top in _starts(height, rows, overlap)
        for left in _starts(width, columns, overlap)
    ]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where windows begin along a line of pixels."""
    if length <= side:
        return [0]
    step = max(1, math.floor(side * (1 - overlap) + 1e-9))  # at most; 640 * (1 - 0.2) is 512, rounded or not
    gaps = math.ceil((length - side) / step)
    return [(length - side) * gap // gaps for gap in range(gaps + 1)]
