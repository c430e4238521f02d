"""The interface of what runs a detector: TensorFlow, or the runtime of an exported model."""

from typing import Any, Protocol

import numpy as np

from detect.structures import Detections


class BackEnd(Protocol):
    """Detection on batches of images.

    Attributes:
        name: name for `--backend`.
        confidence: score threshold of detections for scoring.
        iou: overlap above which two boxes of a class are one object, unless the user sets another.
        batch_size: number of images per call that suits it.
        size_divisor: heights and widths must be multiples of it.
        smallest_side: heights and widths must not be smaller.
        canvases: the heights and widths that it was exported for, the usual one first; empty if it takes any.
    """

    name: str
    confidence: float
    iou: float
    batch_size: int
    size_divisor: int
    smallest_side: int
    canvases: tuple[tuple[int, int], ...]

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """Return the detections as NumPy arrays. May be called from several threads.

        Args:
            images: RGB images [B, H, W, 3], array or tensor, uint8 or float32 as the model's `Fit` says.
            extents: float32 [B, 2], the rows and columns that each source image takes.
            confidence: score threshold.
            iou: overlap above which two boxes of a class are one object.
        """
