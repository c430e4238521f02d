"""The second stage of a region-based detector, which predicts the class and box of a region (arXiv 1504.08083).

The structure is that of torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/faster_rcnn.py`,
BSD-3-Clause), so that its published weights fit: two fully connected layers (Lin et al., arXiv 1612.03144), or four
convolutions and one such layer (Wu and He, arXiv 1803.08494).
"""

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import fan_in_uniform
from detect.layers.normalized_convolution import NormalizedConvolution


class RegionHead(Composite):
    """Features pooled from regions [B, R, h, w, C] -> class logits [B, R, K + 1] and box deltas [B, R, K, 4], float32.

    The background is the last class; each of the others has a box of its own.

    Args:
        classes: K.
        filters: channels of the convolutions.
        convolutions: number of convolutions, each with batch normalisation.
        hidden: numbers of outputs of the fully connected layers that follow.
    """

    def __init__(
        self,
        classes: int,
        filters: int = 256,
        convolutions: int = 0,
        hidden: tuple[int, ...] = (1024, 1024),
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.classes = classes
        self.convolutions = [
            NormalizedConvolution(filters, 3, name=f"convolution{index}") for index in range(convolutions)
        ]
        self.hidden = [
            keras.layers.Dense(units, "relu", kernel_initializer=fan_in_uniform(), name=f"hidden{index}")
            for index, units in enumerate(hidden)
        ]
        self.class_logits = prediction("class_logits", classes + 1, 0.01)
        self.class_deltas = prediction("class_deltas", classes * 4, 0.001)

    def call(self, pooled: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        regions, (height, width, channels) = tf.shape(pooled)[1], pooled.shape[2:]
        features = tf.reshape(pooled, [-1, height, width, channels])
        for layer in self.convolutions:
            features = tf.nn.relu(layer(features, training=training))
        features = tf.reshape(features, [-1, height * width * features.shape[-1]])
        for layer in self.hidden:
            features = layer(features)
        logits = tf.reshape(self.class_logits(features), [-1, regions, self.classes + 1])
        return logits, tf.reshape(self.class_deltas(features), [-1, regions, self.classes, 4])


def prediction(name: str, units: int, deviation: float) -> keras.layers.Dense:
    """Return a fully connected layer for the final values, which start near zero (Fast R-CNN, section 2.3)."""
    start = keras.initializers.RandomNormal(stddev=deviation)
    return keras.layers.Dense(units, kernel_initializer=start, dtype="float32", name=name)
