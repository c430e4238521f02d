"""The convolutions of a dense head that all levels of a pyramid share: the branches of RetinaNet and FCOS.

Structure and initial values are those of the papers (Lin et al., arXiv 1708.02002, section 4.1; Tian et al., arXiv
1904.01355, section 3) and of torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/`,
BSD-3-Clause).
"""

from typing import Any

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.group_normalization import GroupNormalization


class HeadTower(Composite):
    """3 x 3 convolutions with ReLU: [B, h, w, C] -> [B, h, w, filters].

    Args:
        filters: channels of each convolution.
        layers: number of convolutions.
        normalized: whether there is a group normalisation with 32 groups before each ReLU.
        bias: whether the convolutions have a bias.
    """

    def __init__(
        self, filters: int, layers: int = 4, *, normalized: bool = False, bias: bool = True, name: str | None = None
    ):
        super().__init__(name=name)
        self.convolutions = [head_convolution(f"convolution{index}", filters, use_bias=bias) for index in range(layers)]
        self.normalizations = [
            GroupNormalization(name=f"normalization{index}") for index in range(layers if normalized else 0)
        ]

    def call(self, features: tf.Tensor) -> tf.Tensor:
        for index, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if self.normalizations:
                features = self.normalizations[index](features)
            features = tf.nn.relu(features)
        return features


def head_convolution(name: str, filters: int, **options: Any) -> keras.layers.Conv2D:
    """Return a 3 x 3 convolution of a dense head.

    Its initial kernel is normal, with a standard deviation of 0.01 for 256 channels, as in the papers, and for other
    numbers of channels with one that gives outputs the same variance.

    Args:
        name: of the layer.
        filters: channels of the output.
        options: further arguments of `keras.layers.Conv2D`.
    """
    start = keras.initializers.VarianceScaling(0.01**2 * 9 * 256, "fan_in", "untruncated_normal")
    return keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=start, name=name, **options)
