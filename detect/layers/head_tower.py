"""The convolutions of a dense head that all levels of a pyramid share: RetinaNet's and FCOS' branches.

Structure and initial values as in the papers (Lin et al., arXiv 1708.02002, section 4.1; Tian et al., arXiv 1904.01355,
section 3) and in torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/`, BSD-3-Clause).
"""

from typing import Any

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.group_normalization import GroupNormalization


class HeadTower(Composite):
    """Four 3 x 3 convolutions with ReLU: [B, h, w, C] -> [B, h, w, filters].

    Args:
        filters: channels of each convolution.
        normalized: group normalisation, of 32 groups, before each ReLU.
        bias: whether the convolutions have a bias.
    """

    def __init__(self, filters: int, *, normalized: bool = False, bias: bool = True, name: str | None = None):
        super().__init__(name=name)
        self.convolutions = [head_convolution(f"convolution{index}", filters, use_bias=bias) for index in range(4)]
        self.normalizations = [GroupNormalization(name=f"normalization{index}") for index in range(4 * normalized)]

    def call(self, features: tf.Tensor) -> tf.Tensor:
        for index, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if self.normalizations:
                features = self.normalizations[index](features)
            features = tf.nn.relu(features)
        return features


def head_convolution(name: str, filters: int, **options: Any) -> keras.layers.Conv2D:
    """A 3 x 3 convolution of a dense head. Kernels start normal.

    Their deviation is 0.01 for 256 channels, as in the papers, and such that what comes out varies as much for others.
    """
    start = keras.initializers.VarianceScaling(0.01**2 * 9 * 256, "fan_in", "untruncated_normal")
    return keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=start, name=name, **options)
