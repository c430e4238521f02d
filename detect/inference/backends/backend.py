"""What runs a detector: TensorFlow itself, or an exported artefact through a runtime of its own."""

from typing import Any, Protocol

import numpy as np

from detect.structures import Detections


class BackEnd(Protocol):
    """Images in, boxes out.

    Attributes:
        name: as `--backend` knows it.
        confidence: least score of a detection in scoring.
        iou: overlap from which two boxes of a class are one object, unless the user says otherwise.
        batch_size: images a call that suit it.
        size_divisor: heights and widths must be multiples of this,
        smallest_side: and no less than this.
        canvases: the heights and widths that it was exported for, the usual one first; empty where it takes any.
    """

    name: str
    confidence: float
    iou: float
    batch_size: int
    size_divisor: int
    smallest_side: int
    canvases: tuple[tuple[int, int], ...]

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """NumPy detections of RGB images [B, H, W, 3], arrays or tensors, uint8 or float32 as the model's `Fit` has it.

        `extents`, float32 [B, 2], are rows and columns that the pictures take. Called from several threads.
        """
