"""ResNet-vd, the backbone of RT-DETR: a ResNet with a deeper stem, whose shortcuts average cells instead of skipping.

Paper: He et al., Bag of Tricks for Image Classification, arXiv 1812.01187, section 4.2, where it is ResNet-D. The
structure is that of RT-DETR's authors (https://github.com/lyuwenyu/RT-DETR,
`rtdetrv2_pytorch/src/nn/backbone/presnet.py`, Apache-2.0), so that their weights fit: the first block of every stage
projects its input. Pixels are divided by 255, and otherwise not normalised.
"""

from typing import Any

import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import pad
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.resnet import BLOCKS, BasicBlock, Bottleneck, Stage

STEM = 64  # channels


class ResNetVD(Composite):
    """RGB images of 0..255 [B, H, W, 3] -> features at strides 4, 8, 16 and 32.

    The features have 64, 128, 256 and 512 channels at depths 18 and 34, and four times as many at 50 and 101. H and W
    must be multiples of 32.

    Args:
        depth: number of layers of the ResNet: 18, 34, 50 or 101.
        frozen: whether training leaves the statistics, scales and offsets of all batch normalisations alone.
    """

    def __init__(self, depth: int, frozen: bool = False, name: str | None = None):
        super().__init__(name=name)
        self.depth = depth

        def convolution(filters: int, kernel_size: int, stride: int, name: str) -> Composite | NormalizedConvolution:
            # With a stride of 2, a kernel of 1 x 1 would skip three of four cells: those of shortcuts average them.
            kind: Any = PooledConvolution if (kernel_size, stride) == (1, 2) else NormalizedConvolution
            return kind(filters, kernel_size, stride, frozen=frozen, name=name)

        kind = BasicBlock if depth < 50 else Bottleneck
        self.stem = DeepStem(frozen, name="stem")
        self.stages = [
            Stage(
                kind,
                blocks,
                STEM * 2**index,
                1 if index == 0 else 2,
                convolution,
                project=True,
                name=f"stage{index + 1}",
            )
            for index, blocks in enumerate(BLOCKS[depth])
        ]
        self.stage1, self.stage2, self.stage3, self.stage4 = self.stages

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        features = self.stem(images, training=training)
        levels = []
        for stage in self.stages:
            features = stage(features, training=training)
            levels.append(features)
        return levels


class DeepStem(Composite):
    """Three convolutions of 3 x 3 and maxima over 3 x 3: images of 0..255 [B, H, W, 3] -> [B, H / 4, W / 4, 64]."""

    def __init__(self, frozen: bool = False, name: str | None = None):
        super().__init__(name=name)
        sizes = ((STEM // 2, 2), (STEM // 2, 1), (STEM, 1))  # filters and stride
        self.convolutions = [
            NormalizedConvolution(filters, 3, stride, frozen=frozen, name=f"convolution{index}")
            for index, (filters, stride) in enumerate(sizes, start=1)
        ]

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = tf.cast(tf.cast(images, tf.float32) / 255, self.compute_dtype)
        for convolution in self.convolutions:
            features = tf.nn.relu(convolution(features, training=training))
        return tf.nn.max_pool2d(pad(features, 1), 3, 2, "VALID")  # features are not negative: zeros never win


class PooledConvolution(Composite):
    """The means of 2 x 2 cells, then a convolution of 1 x 1: [B, H, W, C] -> [B, H / 2, W / 2, filters].

    H and W must be even. The arguments are those of a `NormalizedConvolution` in its place.
    """

    def __init__(self, filters: int, kernel_size: int, stride: int, frozen: bool = False, name: str | None = None):
        super().__init__(name=name)
        self.stride = stride
        self.convolution = NormalizedConvolution(filters, kernel_size, frozen=frozen, name="convolution")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.convolution(tf.nn.avg_pool2d(inputs, self.stride, self.stride, "VALID"), training=training)
