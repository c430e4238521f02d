"""What flows through the toolkit, stage by stage: Example -> Batch(images, Targets) -> outputs -> Candidates
-> Detections.

The legend of dimensions, used in every docstring and shape comment of the project:

    B  images of a batch            H, W  height and width of an image, pixels
    N  true boxes of an image       A     anchors, points or queries: everything a head predicts for
    D  detections of an image       K     classes

A box is float32 `x1, y1, x2, y2` in pixels of the image that it accompanies: x to the right, y down, the origin at the
top-left corner of the top-left pixel. A label is an int32 in `0..K-1`; there is no background class, and `-1` is
padding: a padded row's box is zeros. Nothing in the project speaks another convention; readers, writers and importers
convert at the edges.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Example:
    """One picture and its truth on the host, between decoding and batching; n boxes, no padding."""

    image: np.ndarray  # uint8 [H, W, 3], RGB; float32 of the same range where a `Fit` keeps fractions
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]
    ignore: np.ndarray  # bool [n], crowd or difficult: neither positive nor negative in any head


class Targets(NamedTuple):
    """The truth of a batch, padded to N boxes an image."""

    boxes: "tf.Tensor"  # float32 [B, N, 4]
    labels: "tf.Tensor"  # int32 [B, N], -1 pads
    ignore: "tf.Tensor"  # bool [B, N], regions that no head may treat as background


class Batch(NamedTuple):
    """What the input pipeline gives and a training step takes."""

    images: "tf.Tensor"  # uint8 or float32 [B, H, W, 3], RGB
    targets: Targets
    indices: "tf.Tensor"  # int64 [B], position of each image in its Records; -1 pads an incomplete last batch


class Candidates(NamedTuple):
    """All pairs of box and class, before suppression."""

    boxes: "tf.Tensor"  # float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each
    scores: "tf.Tensor"  # float32 [B, A, K] in 0..1


class Detections(NamedTuple):
    """What a model finds, D rows an image, best score first."""

    boxes: "tf.Tensor"  # float32 [B, D, 4]
    scores: "tf.Tensor"  # float32 [B, D] in 0..1, 0 in padded rows
    labels: "tf.Tensor"  # int32 [B, D], -1 pads
