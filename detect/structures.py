"""The data that flows through the toolkit: Example -> Batch(images, Targets) -> outputs -> Candidates -> Detections.

The dimensions, as all docstrings and shape comments of the project name them:

    B  images of a batch            H, W  height and width of an image, pixels
    N  true boxes of an image       A     anchors, points or queries: everything that a head predicts for
    D  detections of an image       K     classes

A box is float32 `x1, y1, x2, y2` in pixels of the image that it accompanies: x to the right, y down, the origin at the
top-left corner of the top-left pixel. A label is an int32 in `0..K-1`; there is no background class, and `-1` is
padding, whose box is zeros. There is no other convention in the project: readers, writers and importers convert other
ones.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Example:
    """An image and its n boxes between decoding and batching, without padding."""

    image: np.ndarray  # uint8 [H, W, 3], RGB; float32 of the same range if a `Fit` keeps fractions
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]
    ignore: np.ndarray  # bool [n], crowd or difficult: neither positive nor negative in any head
    looked_for: np.ndarray | None = None  # bool [K], classes that can be negative here; None: all


class Targets(NamedTuple):
    """The ground truth of a batch, padded to N boxes per image."""

    boxes: "tf.Tensor"  # float32 [B, N, 4]
    labels: "tf.Tensor"  # int32 [B, N], -1 pads
    ignore: "tf.Tensor"  # bool [B, N], regions that no head may treat as background
    # bool [B, K], the classes that were looked for in each image: no head may take another one for absent. None where
    # that is every class in every image of the dataset.
    looked_for: "tf.Tensor | None" = None

    @property
    def truth(self) -> "tuple[tf.Tensor, tf.Tensor, tf.Tensor]":
        """The true boxes: `boxes`, `labels` and `ignore`."""
        return self.boxes, self.labels, self.ignore

    @property
    def looked_for_by_anchor(self) -> "tf.Tensor | None":
        """`looked_for` as [B, 1, K], the same for all anchors."""
        return None if self.looked_for is None else self.looked_for[:, None]


class Batch(NamedTuple):
    """A batch that the input pipeline yields and a training step takes."""

    images: "tf.Tensor"  # uint8 or float32 [B, H, W, 3], RGB
    targets: Targets
    indices: "tf.Tensor"  # int64 [B], position of each image in its Records; -1 pads an incomplete last batch


class Candidates(NamedTuple):
    """All pairs of a box and a class, before non-maximum suppression."""

    boxes: "tf.Tensor"  # float32 [B, A, 4], shared by all classes, or [B, A, K, 4], one per class
    scores: "tf.Tensor"  # float32 [B, A, K] in 0..1


class Detections(NamedTuple):
    """The detections of a batch, D rows per image, best score first."""

    boxes: "tf.Tensor"  # float32 [B, D, 4]
    scores: "tf.Tensor"  # float32 [B, D] in 0..1, 0 in padded rows
    labels: "tf.Tensor"  # int32 [B, D], -1 pads
