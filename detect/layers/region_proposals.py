"""The head of a region proposal network (Ren et al., Faster R-CNN, arXiv 1506.01497, section 3.1).

Structure and initial values are those of torchvision (https://github.com/pytorch/vision,
`torchvision/models/detection/rpn.py`, BSD-3-Clause), so that its published weights fit.
"""

from typing import Any

import keras
import tensorflow as tf

from detect.layers.composite import Composite


class RegionProposalHead(Composite):
    """Features of any level [B, h, w, C] -> objectness logits [B, a] and box deltas [B, a, 4] of its anchors, float32.

    a is h * w * `anchors`, cell by cell.

    Args:
        anchors: number of anchors per cell.
        filters: channels of the features, and of the convolutions before the predictions.
        convolutions: number of these convolutions.
    """

    def __init__(self, anchors: int, filters: int = 256, convolutions: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.anchors = anchors
        self.tower = [
            convolution(f"convolution{index}", filters, 3, padding="same", activation="relu")
            for index in range(convolutions)
        ]
        self.objectness = convolution("objectness", anchors, 1, dtype="float32")
        self.box_deltas = convolution("box_deltas", 4 * anchors, 1, dtype="float32")

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in self.tower:
            features = layer(features)
        # The channels of a cell are the values of its anchors in sequence, so nothing has to be transposed.
        rows = tf.shape(features)[1] * tf.shape(features)[2] * self.anchors
        deltas = tf.reshape(self.box_deltas(features), [-1, rows, 4])
        return tf.reshape(self.objectness(features), [-1, rows]), deltas


def convolution(name: str, filters: int, size: int, **options: Any) -> keras.layers.Conv2D:
    """Return a convolution of the head, with the paper's initial values.

    Args:
        name: of the layer.
        filters: channels of the output.
        size: height and width of the kernel.
        options: further arguments of `keras.layers.Conv2D`.
    """
    start = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(filters, size, kernel_initializer=start, name=name, **options)
