"""The letterbox: a picture fitted into a fixed size, as training, evaluation, prediction and export all see it.

The picture is scaled by one factor until it touches two sides, placed at the top-left corner, and the rest is grey.
Boxes therefore convert by that factor alone: `boxes * scale` and back.
"""

from typing import Literal

import numpy as np

from detect.config import Settings
from detect.data.warping import GREY, blank, paint, scaling


class Fit(Settings):
    """How a picture is brought to the size S that a model works at."""

    # letterbox: into a square of side S, the rest is padding. stretch: onto such a square, whatever its shape.
    # shortest: its short side becomes S, or less where the other would exceed `longest`.
    kind: Literal["letterbox", "stretch", "shortest"] = "letterbox"
    longest: int | None = None  # pixels, with `shortest`
    padding: tuple[int, int, int] = (GREY, GREY, GREY)  # RGB


def fit_scale(height: int, width: int, size: tuple[int, int]) -> float:
    """The factor that makes a picture just fit into `size` (height, width); small pictures are enlarged."""
    return min(size[0] / height, size[1] / width)


def letterbox(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """The uint8 RGB picture [h, w, 3] on a grey canvas [H, W, 3] of `size` (height, width), and the scale used."""
    scale = fit_scale(image.shape[0], image.shape[1], size)
    canvas = blank(*size)
    paint(image, scaling(scale, scale), canvas)
    return canvas, scale


def to_source(boxes: np.ndarray, scale: float, width: int, height: int) -> np.ndarray:
    """Boxes [..., 4] found on the letterboxed picture, in pixels of the source, clipped to its width and height."""
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes, np.float32) / np.float32(scale), 0, limits)
