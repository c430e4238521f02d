"""How a picture comes to the size that a model works at, as training, evaluation, prediction and export all see it.

A `Fit` says what a model is used to; a `Placement` is what that means for one picture: it is scaled by one factor an
axis and lies at the top-left corner of a canvas, and the rest is padding. Boxes therefore convert by two factors alone.
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
    """Where a picture of a known size lies on its canvas."""

    height: int  # of the canvas, pixels
    width: int
    rows: float  # of the canvas that show the picture
    columns: float
    extent: tuple[float, float]  # of the picture for its boxes, rows and columns: `extents` of `Detector.call` for it
    scale_y: float  # pixels of the canvas for one of the picture, for its boxes
    scale_x: float
    resampling: Resampling
    padding: Colour  # RGB

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the canvas: pictures that agree in it can be in one batch."""
        return self.height, self.width

    @property
    def dtype(self) -> type[np.generic]:
        """Of the canvas."""
        return np.float32 if self.resampling == "exact" else np.uint8

    @property
    def scales(self) -> np.ndarray:
        """What the four coordinates of a box are multiplied with on the way to the canvas, float32 [4]."""
        return np.array([self.scale_x, self.scale_y] * 2, np.float32)

    def on_one_of(self, canvases: Sequence[tuple[int, int]]) -> "Placement":
        """The same on the smallest of these canvases that has room for it; one of them must have."""
        room = [canvas for canvas in canvases if canvas[0] >= self.height and canvas[1] >= self.width]
        height, width = min(room, key=math.prod)
        return replace(self, height=height, width=width)


Placing = Callable[[int, int], Placement]  # from a picture's height and width


class Fit(Settings):
    """How a picture is brought to the size S that a model works at."""

    # letterbox: into a square of side S, the rest is padding. stretch: onto such a square, whatever its shape.
    # shortest: its short side becomes S, or less where the other would exceed `longest`.
    kind: Literal["letterbox", "stretch", "shortest"] = "letterbox"
    longest: int | None = None  # pixels, with `shortest`
    padding: Colour = (GREY, GREY, GREY)  # RGB
    # average: pictures that shrink are averaged, and sides may end within a pixel. The others, as most published models
    # were trained, cut sides to whole pixels, and skip pixels where a picture shrinks a lot. linear: to whole levels of
    # 255, as YOLOX; exact: without rounding, as torchvision and EfficientDet, so canvases are float32.
    resampling: Resampling = "average"

    def placement(
        self, height: int, width: int, side: int, divisor: int = 1, smallest: int = 1, trimmed: bool = False
    ) -> Placement:
        """Where a picture of this height and width lies.

        Args:
            side: the size S.
            divisor: the sides of the canvas are multiples of it; S is where `kind` makes a square.
            smallest: and they are no shorter than this.
            trimmed: a letterbox goes without the rows or columns that would be padding only.
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
        extent = height * scale_y, width * scale_x  # a cut side shows all of the picture, in up to a pixel less
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
        """A side cut as torchvision (`interpolate`), YOLOX (`preproc`) and EfficientDet (`InputProcessor`) do.

        The long side may end a pixel below `side`, where the product is rounded down. EfficientDet's is of float32:
        187 pixels become 128 of 128 with it, and 127 with YOLOX.
        """
        if self.kind == "stretch":
            return side
        in_float32 = self.kind == "letterbox" and self.resampling == "exact"
        pixels = float(np.float32(length) * np.float32(scale)) if in_float32 else length * scale
        return max(1, math.floor(pixels))


def letterbox(side: int) -> Placing:
    """Pictures fitted into a square of this side, as models of this toolkit are trained."""
    return lambda height, width: Fit().placement(height, width, side)


def fit_scale(height: int, width: int, size: tuple[int, int]) -> float:
    """The factor that makes a picture just fit into `size` (height, width); small pictures are enlarged."""
    return min(size[0] / height, size[1] / width)


def place(image: np.ndarray, placement: Placement, out: np.ndarray | None = None) -> np.ndarray:
    """The uint8 RGB picture [h, w, 3] on its canvas [H, W, 3], uint8, or float32 of the same range; `out` if given."""
    canvas = np.empty((*placement.canvas, 3), placement.dtype) if out is None else out
    rows, columns = math.floor(placement.rows), math.floor(placement.columns)
    _fill(canvas[rows:], placement.padding)
    _fill(canvas[:rows, columns:], placement.padding)
    if placement.resampling == "average":
        paint(image, scaling(placement.scale_x, placement.scale_y), canvas)
    else:
        picture = image.astype(placement.dtype, copy=False)
        cv2.resize(picture, (columns, rows), dst=canvas[:rows, :columns], interpolation=cv2.INTER_LINEAR)
    return canvas


def to_source(boxes: np.ndarray, placement: Placement, width: int, height: int) -> np.ndarray:
    """Boxes [..., 4] found on the canvas, in pixels of the source, clipped to its width and height."""
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes, np.float32) / placement.scales, 0, limits)


def _fill(region: np.ndarray, colour: Colour) -> None:
    """Paint [h, w, 3] in place. NumPy copies rows ten times as fast as it repeats a pixel."""
    region[:] = np.tile(np.array(colour, region.dtype), (region.shape[1], 1))


def _rounded_up(pixels: float, divisor: int, smallest: int) -> int:
    """The first multiple of `divisor` that is neither below `pixels` nor below `smallest`."""
    return divisor * math.ceil(max(pixels, smallest) / divisor - 1e-6)
