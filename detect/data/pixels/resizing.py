"""Resize images for a model, in the same way in training, evaluation, prediction and export.

A `Fit` says how a model expects its images; a `Placement` is what that means for one image: it is scaled by one factor
per axis and lies at the top-left corner of a canvas, and the rest is padding. Boxes therefore convert by two factors.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from detect.config import Settings
from detect.data.pixels.warping import GREY, paint, scaling

Colour = tuple[float, float, float]
Resampling = Literal["average", "linear", "exact"]


@dataclass(frozen=True)
class Placement:
    """The position of an image of a known size on its canvas."""

    height: int  # of the canvas, pixels
    width: int
    rows: float  # of the canvas that show the image
    columns: float
    extent: tuple[float, float]  # rows and columns of the image for its boxes: its `extents` for `Detector.call`
    scale_y: float  # pixels of the canvas per pixel of the image, for its boxes
    scale_x: float
    resampling: Resampling
    padding: Colour  # RGB

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the canvas: images with the same canvas can be in one batch."""
        return self.height, self.width

    @property
    def dtype(self) -> type[np.generic]:
        """The dtype of the canvas."""
        return np.float32 if self.resampling == "exact" else np.uint8

    @property
    def scales(self) -> np.ndarray:
        """The factors from the coordinates of a box in the image to those on the canvas, float32 [4]."""
        return np.array([self.scale_x, self.scale_y] * 2, np.float32)

    def on_one_of(self, canvases: Sequence[tuple[int, int]]) -> "Placement":
        """Return the same placement on the smallest canvas with room for it; there must be one."""
        room = [canvas for canvas in canvases if canvas[0] >= self.height and canvas[1] >= self.width]
        height, width = min(room, key=math.prod)
        return replace(self, height=height, width=width)

    def of_part(self, height: int, width: int) -> "Placement":
        """Return the placement, at the same scale, of an image of at most the same size; the rest is padding."""
        extent = height * self.scale_y, width * self.scale_x
        rows, columns = min(self.rows, max(1.0, extent[0])), min(self.columns, max(1.0, extent[1]))
        return replace(self, rows=rows, columns=columns, extent=extent)


Placing = Callable[[int, int], Placement]  # from an image's height and width


class Fit(Settings):
    """A way to resize images to the size S that a model expects."""

    kind: Literal["letterbox", "stretch", "shortest"] = "letterbox"
    """`letterbox`: the image is fitted into a square of side S, and the rest is padding. `stretch`: it becomes such a
    square, whatever its shape. `shortest`: its short side becomes S, or less where the other would exceed `longest`."""
    longest: int | None = None
    """Largest length of the long side, pixels, with `shortest`."""
    padding: Colour = (GREY, GREY, GREY)
    """Colour of the padding, RGB, 0-255."""
    resampling: Resampling = "average"
    """`average`: images that shrink are averaged, and sides may end within a pixel. The others, as most published
    models were trained, round sides down to whole pixels, and skip pixels where an image shrinks a lot. `linear`:
    rounded to whole levels of 255, as in YOLOX. `exact`: without rounding, as in torchvision and EfficientDet, so that
    canvases are float32."""

    def placement(
        self, height: int, width: int, side: int, divisor: int = 1, smallest: int = 1, trimmed: bool = False
    ) -> Placement:
        """Return where an image lies.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.
            side: the size S.
            divisor: the sides of the canvas are multiples of it; S must be one where `kind` makes a square.
            smallest: the sides of the canvas are not shorter than this.
            trimmed: whether a letterbox goes without rows or columns that would be padding only.
        """
        scale_y, scale_x = self._scales(height, width, side)
        rows, columns = height * scale_y, width * scale_x
        if self.resampling != "average":
            rows, columns = self._whole(height, scale_y, side), self._whole(width, scale_x, side)
        if self.resampling != "average" and self.kind == "shortest":  # torchvision, `resize_boxes`
            scale_y, scale_x = rows / height, columns / width  # others go by the one factor of both sides
        canvas = side, side
        if self.kind == "shortest" or (self.kind == "letterbox" and trimmed):
            canvas = _rounded_up(rows, divisor, smallest), _rounded_up(columns, divisor, smallest)
        if self.kind == "letterbox":
            canvas = min(canvas[0], side), min(canvas[1], side)
        extent = height * scale_y, width * scale_x  # a rounded side shows all of the image, in up to a pixel less
        return Placement(*canvas, rows, columns, extent, scale_y, scale_x, self.resampling, self.padding)

    def _scales(self, height: int, width: int, side: int) -> tuple[float, float]:
        if self.kind == "stretch":
            return side / height, side / width
        scale = fit_scale(height, width, (side, side))
        if self.kind == "shortest":
            scale = side / min(height, width)
            if self.longest is not None:
                scale = min(scale, self.longest / max(height, width))
        return scale, scale

    def _whole(self, length: int, scale: float, side: int) -> int:
        """Round a side down as torchvision (`interpolate`), YOLOX (`preproc`) and EfficientDet (`InputProcessor`) do.

        The long side may end a pixel below `side`, where the product is rounded down. EfficientDet's is of float32:
        187 pixels become 128 of 128 with it, and 127 with YOLOX.
        """
        if self.kind == "stretch":
            return side
        in_float32 = self.kind == "letterbox" and self.resampling == "exact"
        pixels = float(np.float32(length) * np.float32(scale)) if in_float32 else length * scale
        return max(1, math.floor(pixels))


def letterbox(side: int) -> Placing:
    """Return the placing of images in a square of this side, as models of this toolkit are trained."""
    return lambda height, width: Fit().placement(height, width, side)


def fit_scale(height: int, width: int, size: tuple[int, int]) -> float:
    """Return the factor by which an image just fits into `size` (height, width); small images are enlarged."""
    return min(size[0] / height, size[1] / width)


def place(image: np.ndarray, placement: Placement, out: np.ndarray | None = None) -> np.ndarray:
    """Resize an image onto its canvas.

    Args:
        image: uint8 RGB [h, w, 3].
        placement: where the image lies, for its height and width.
        out: the canvas [H, W, 3], of any content; a new one where it is None.

    Returns:
        The canvas, uint8, or float32 of the same range.
    """
    canvas = np.empty((*placement.canvas, 3), placement.dtype) if out is None else out
    rows, columns = math.floor(placement.rows), math.floor(placement.columns)
    _fill(canvas[rows:], placement.padding)
    _fill(canvas[:rows, columns:], placement.padding)
    if placement.resampling == "average":
        paint(image, scaling(placement.scale_x, placement.scale_y), canvas)
    else:
        levels = image.astype(placement.dtype, copy=False)
        cv2.resize(levels, (columns, rows), dst=canvas[:rows, :columns], interpolation=cv2.INTER_LINEAR)
    return canvas


def to_source(boxes: np.ndarray, placement: Placement, width: int, height: int) -> np.ndarray:
    """Convert boxes on a canvas to pixels of the source image.

    Args:
        boxes: [..., 4], on the canvas.
        placement: where the image lies on it.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        The boxes, float32 [..., 4], clipped to the image.
    """
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes, np.float32) / placement.scales, 0, limits)


def _fill(region: np.ndarray, colour: Colour) -> None:
    """Paint a region [h, w, 3] in place. NumPy copies rows ten times as fast as it repeats a pixel."""
    region[:] = np.tile(np.array(colour, region.dtype), (region.shape[1], 1))


def _rounded_up(pixels: float, divisor: int, smallest: int) -> int:
    """Return the first multiple of `divisor` that is neither below `pixels` nor below `smallest`."""
    return divisor * math.ceil(max(pixels, smallest) / divisor - 1e-6)
