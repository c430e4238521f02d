"""The views in which a model sees an image: all of it at once, by tiles, and for augmentation also mirrored and scaled.

All are laid onto canvases of the model, so exports take them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from detect.data.pixels.resizing import Placement, place, to_source
from detect.data.pixels.tiles import Tiling, Window, grid

# Of test-time augmentation. On the images of `seams`, AP is 34.8 without it and 39.1 with it. A scale of 1.25 beside
# these has not added anything, and has taken the most time.
SCALES = (1.0, 0.8)


class Placed(Protocol):
    """Return where an image of some height and width lies on its canvas, as `Model.placement` does."""

    def __call__(self, height: int, width: int, trimmed: bool = False, /) -> Placement: ...


@dataclass(frozen=True, slots=True)
class View:
    """A part of an image on a canvas of the model."""

    window: Window
    placement: Placement  # of that part
    mirrored: bool = False  # left and right exchanged

    def paint(self, part: np.ndarray, canvas: np.ndarray) -> None:
        """Paint the part of an image in `window`, uint8 [h, w, 3], on a canvas [H, W, 3] of any content."""
        place(cv2.flip(part, 1) if self.mirrored else part, self.placement, out=canvas)

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Return boxes [n, 4] on the canvas in pixels of the image, float32, clipped to the view."""
        window = self.window
        boxes = to_source(boxes, self.placement, window.width, window.height)
        if self.mirrored:
            boxes[:, [0, 2]] = window.width - boxes[:, [2, 0]]
        return boxes + np.array([window.left, window.top] * 2, np.float32)


@dataclass(frozen=True)
class Views:
    """The views in which a model sees images.

    Attributes:
        placing: where an image lies on its canvas.
        tiling: of images; None: they are seen as a whole.
        augmented: whether they are also seen mirrored and at other scales.
    """

    placing: Placed
    tiling: Tiling | None = None
    augmented: bool = False

    @property
    def are_whole(self) -> bool:
        """True if each image has one view, which is all of it."""
        return self.tiling is None and not self.augmented

    @property
    def are_tiles(self) -> bool:
        """True if no view shows more of a large image than a tile does."""
        return self.tiling is not None

    def of(self, height: int, width: int, trimmed: bool = False) -> list[View]:
        """Return the views of an image.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.
            trimmed: as for `Fit.placement`, of images that are seen as a whole.
        """
        if self.are_whole:
            return [View(Window(0, 0, width, height), self.placing(height, width, trimmed))]
        scales = SCALES if self.augmented else (1.0,)
        views = on_one_canvas([view for scale in scales for view in self._at_scale(height, width, scale, trimmed)])
        mirrored = (replace(view, mirrored=True) for view in views if self.augmented)
        return [*views, *mirrored]

    def _at_scale(self, height: int, width: int, scale: float, trimmed: bool) -> list[View]:
        """Return views of an image at `scale` times its usual one."""
        if self.tiling is None:
            rows, columns, overlap = height, width, 0.0
        else:
            rows = columns = self.tiling.tile
            overlap, trimmed = self.tiling.tile_overlap, False
        rows, columns = (max(1, round(side / scale)) for side in (rows, columns))
        placement = self.placing(rows, columns, trimmed)
        windows = grid(height, width, rows, columns, overlap)
        return [View(window, placement.of_part(window.height, window.width)) for window in windows]


def on_one_canvas(views: Sequence[View]) -> list[View]:
    """Return views with canvases of one size, the largest of theirs, so that they can be in one batch."""
    canvas = tuple(map(max, zip(*(view.placement.canvas for view in views), strict=True)))
    return [replace(view, placement=view.placement.on_one_of([canvas])) for view in views]
