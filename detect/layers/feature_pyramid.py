"""Feature pyramid network, the neck of RetinaNet, FCOS and Faster R-CNN (Lin et al., arXiv 1612.03144).

Structure and initial values as in torchvision (https://github.com/pytorch/vision,
`torchvision/ops/feature_pyramid_network.py`, BSD-3-Clause), so that its published weights fit.
"""

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import pad
from detect.layers.path_aggregation import enlarge


class FeaturePyramid(Composite):
    """Features at strides 8, 16 and 32 -> P3 to P7: strides 8, 16, 32, 64 and 128, `filters` channels each.

    P6 is computed from P5, as in torchvision's first RetinaNet and FCOS; the RetinaNet paper takes the backbone's
    last features, C5.
    """

    def __init__(self, filters: int = 256, name: str | None = None):
        super().__init__(name=name)
        self.laterals = [convolution(filters, 1, name=f"lateral{level}") for level in (3, 4, 5)]
        self.merges = [convolution(filters, 3, name=f"merge{level}") for level in (3, 4, 5)]
        self.coarse6 = convolution(filters, 3, stride=2, name="coarse6")
        self.coarse7 = convolution(filters, 3, stride=2, name="coarse7")

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        inner3, inner4, inner5 = (lateral(level) for lateral, level in zip(self.laterals, features, strict=True))
        inner4 += enlarge(inner5)
        inner3 += enlarge(inner4)
        p3, p4, p5 = (merge(level) for merge, level in zip(self.merges, (inner3, inner4, inner5), strict=True))
        p6 = self.coarse6(pad(p5, 1))
        p7 = self.coarse7(pad(tf.nn.relu(p6), 1))
        return [p3, p4, p5, p6, p7]


def convolution(filters: int, kernel_size: int, stride: int = 1, *, name: str) -> keras.layers.Conv2D:
    """A convolution with bias; the caller pads where it has a stride."""
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        kernel_initializer="lecun_uniform",  # PyTorch's kaiming_uniform with a = 1
        name=name,
    )
