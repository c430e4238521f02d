"""Feature pyramid network, the neck of RetinaNet, FCOS and Faster R-CNN (Lin et al., arXiv 1612.03144).

Structure and initial values are those of torchvision (https://github.com/pytorch/vision,
`torchvision/ops/feature_pyramid_network.py`, BSD-3-Clause), so that its published weights fit.
"""

from typing import Literal

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import pad
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.path_aggregation import enlarge


class FeaturePyramid(Composite):
    """Features of several strides, finest first -> a level of `filters` channels for each, and one or two coarser ones.

    Each level has half the height and width of the one before. Two features of the same size, such as the last two of
    torchvision's MobileNetV3, are added without enlarging.

    Args:
        filters: channels of every level.
        levels: number of features; the last is C5, from which P5 is computed.
        coarse: what the levels beyond P5 are computed from. "p5": P6 and P7 by convolutions from P5 (torchvision's
            first RetinaNet, FCOS). "c5": the same from C5, the backbone's last features (the RetinaNet paper and
            torchvision's second RetinaNet). "pool": P6 alone, every second value of P5 (Faster R-CNN).
        normalized: whether the convolutions up to P5 have a batch normalisation instead of a bias.
    """

    def __init__(
        self,
        filters: int = 256,
        *,
        levels: int = 3,
        coarse: Literal["p5", "c5", "pool"] = "p5",
        normalized: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        make = NormalizedConvolution if normalized else convolution
        numbers = range(6 - levels, 6)
        self.laterals = [make(filters, 1, name=f"lateral{number}") for number in numbers]
        self.merges = [make(filters, 3, name=f"merge{number}") for number in numbers]
        self.coarse = coarse
        if coarse != "pool":
            self.coarse6 = convolution(filters, 3, stride=2, name="coarse6")
            self.coarse7 = convolution(filters, 3, stride=2, name="coarse7")

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        inner = [lateral(level, training=training) for lateral, level in zip(self.laterals, features, strict=True)]
        for finer in reversed(range(len(inner) - 1)):
            inner[finer] += _at_size_of(inner[finer], inner[finer + 1])
        levels = [merge(level, training=training) for merge, level in zip(self.merges, inner, strict=True)]
        if self.coarse == "pool":
            return [*levels, levels[-1][:, ::2, ::2]]
        p6 = self.coarse6(pad(features[-1] if self.coarse == "c5" else levels[-1], 1))
        p7 = self.coarse7(pad(tf.nn.relu(p6), 1))
        return [*levels, p6, p7]


def convolution(filters: int, kernel_size: int, stride: int = 1, *, name: str) -> keras.layers.Conv2D:
    """Return a convolution with bias.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the kernel.
        stride: 1 or 2; the caller pads for a stride of 2.
        name: of the layer.
    """
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        kernel_initializer="lecun_uniform",  # PyTorch's kaiming_uniform with a = 1
        name=name,
    )


def _at_size_of(finer: tf.Tensor, coarser: tf.Tensor) -> tf.Tensor:
    """Return `coarser`, enlarged twofold unless it has the size of `finer`; heights are known when a step is traced."""
    return coarser if finer.shape[1] == coarser.shape[1] else enlarge(coarser)
