"""The convolutions of VGG16 (Simonyan and Zisserman, arXiv 1409.1556, table 1, column D), the backbone of SSD.

The structure is that of torchvision (https://github.com/pytorch/vision, `torchvision/models/vgg.py` and
`torchvision/models/detection/ssd.py`, BSD-3-Clause), so that its weights fit.
"""

import keras
import tensorflow as tf

from detect.layers.composite import Composite

MEAN = (122.99925, 116.9991, 103.9992)  # subtracted from the RGB values 0 to 255, as the published weights expect
STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # number and channels of 3 x 3 convolutions


class VGG16(Composite):
    """uint8 RGB images [B, H, W, 3] -> features of the five stages, at strides 1, 2, 4, 8 and 16.

    Maxima over 2 x 2 are taken between two stages. They drop the last row or column of an odd size, except between the
    third stage and the fourth, as in SSD: 300 x 300 pixels become 300, 150, 75, 38 and 19.

    Args:
        width: factor on the number of channels.
    """

    def __init__(self, width: float = 1.0, name: str | None = None):
        super().__init__(name=name)
        self.width = width
        self.stages = [
            Stage(count, int(filters * width), name=f"stage{number}")
            for number, (count, filters) in enumerate(STAGES, start=1)
        ]
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = self.stages

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        features = tf.cast(tf.cast(images, tf.float32) - MEAN, self.compute_dtype)
        levels: list[tf.Tensor] = []
        for stage in self.stages:
            if levels:
                features = tf.nn.max_pool2d(features, 2, 2, "SAME" if stage is self.stage4 else "VALID")
            features = stage(features)
            levels.append(features)
        return levels


class Stage(Composite):
    """3 x 3 convolutions with bias and ReLU, in sequence."""

    def __init__(self, count: int, filters: int, name: str | None = None):
        super().__init__(name=name)
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")  # torchvision's
        options = {"padding": "same", "activation": "relu", "kernel_initializer": start}
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, name=f"convolution{number}", **options) for number in range(1, count + 1)
        ]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        features = inputs
        for convolution in self.convolutions:
            features = convolution(features)
        return features
