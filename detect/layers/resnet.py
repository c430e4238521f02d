"""ResNet, the backbone of many detectors (He et al., arXiv 1512.03385).

The structure is that of torchvision (https://github.com/pytorch/vision, `torchvision/models/resnet.py`, BSD-3-Clause),
so that its ImageNet weights fit: "version 1.5", where the 3 x 3 convolution of a bottleneck has the stride, which the
paper gives to the 1 x 1 convolution before it.
"""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import pad
from detect.layers.normalized_convolution import NormalizedConvolution

# Mean and standard deviation of ImageNet's RGB values 0 to 255, by which the published weights expect normalised
# pixels.
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)

# From filters, kernel size, stride and name to a convolution with its normalisation.
Convolution = Callable[..., NormalizedConvolution]

# Numbers of blocks of the four stages (paper, table 1): basic blocks at depths 18 and 34, bottlenecks at 50 and 101.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class ResNet(Composite):
    """uint8 RGB images [B, H, W, 3] -> features at strides 4, 8, 16 and 32.

    The features have 64, 128, 256 and 512 channels at depths 18 and 34, and four times as many at 50 and 101. H and W
    must be multiples of 32.

    Args:
        depth: number of layers: 18, 34, 50 or 101.
        frozen: whether training leaves the statistics, scales and offsets of all batch normalisations alone.
        epsilon: added to their variances; 0 for torchvision's first RetinaNet and Faster R-CNN.
    """

    def __init__(self, depth: int, frozen: bool = False, epsilon: float = 1e-5, name: str | None = None):
        super().__init__(name=name)
        self.depth = depth
        kind = BasicBlock if depth < 50 else Bottleneck
        convolution = functools.partial(NormalizedConvolution, frozen=frozen, epsilon=epsilon)
        self.stem = Stem(convolution, name="stem")
        self.stages = [
            Stage(kind, blocks, 64 * 2**index, 1 if index == 0 else 2, convolution, name=f"stage{index + 1}")
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


class Stem(Composite):
    """Normalise pixels, convolve by 7 x 7, take maxima over 3 x 3: uint8 [B, H, W, 3] -> [B, H / 4, W / 4, 64]."""

    def __init__(self, convolution: Convolution, name: str | None = None):
        super().__init__(name=name)
        self.convolution = convolution(64, 7, 2, name="convolution")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        pixels = (tf.cast(images, tf.float32) - MEAN) / DEVIATION
        features = tf.nn.relu(self.convolution(tf.cast(pixels, self.compute_dtype), training=training))
        return tf.nn.max_pool2d(pad(features, 1), 3, 2, "VALID")  # features are not negative: zeros never win


class Stage(Composite):
    """Residual blocks in sequence.

    Args:
        kind: `BasicBlock` or `Bottleneck`.
        blocks: number of blocks.
        filters: of each block.
        stride: of the first block; the others have 1.
        convolution: makes the convolutions.
        project: whether the first block projects its input even where the shape stays.
    """

    def __init__(
        self,
        kind,
        blocks: int,
        filters: int,
        stride: int,
        convolution: Convolution,
        project: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.blocks = []
        for index in range(blocks):
            first = index == 0
            projects = first and (project or stride > 1 or kind.expansion > 1)
            self.blocks.append(kind(filters, stride if first else 1, projects, convolution, name=f"block{index}"))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = inputs
        for block in self.blocks:
            features = block(features, training=training)
        return features


class BasicBlock(Composite):
    """Two 3 x 3 convolutions, to whose output the input is added (paper, figure 5, left).

    Args:
        filters: channels of the output.
        stride: of the first convolution.
        project: whether a 1 x 1 convolution brings the input to the output's shape.
        convolution: makes the convolutions.
    """

    expansion = 1

    def __init__(self, filters: int, stride: int, project: bool, convolution: Convolution, name: str | None = None):
        super().__init__(name=name)
        self.convolution1 = convolution(filters, 3, stride, name="convolution1")
        self.convolution2 = convolution(filters, 3, 1, name="convolution2")
        self.projection = convolution(filters, 1, stride, name="projection") if project else None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = tf.nn.relu(self.convolution1(inputs, training=training))
        features = self.convolution2(features, training=training)
        return tf.nn.relu(features + around(self.projection, inputs, training))


class Bottleneck(Composite):
    """A 1 x 1, a 3 x 3 and a 1 x 1 convolution, to whose output the input is added (paper, figure 5, right).

    Args:
        filters: channels within; the output has four times as many.
        stride: of the 3 x 3 convolution.
        project: whether a 1 x 1 convolution brings the input to the output's shape.
        convolution: makes the convolutions.
    """

    expansion = 4

    def __init__(self, filters: int, stride: int, project: bool, convolution: Convolution, name: str | None = None):
        super().__init__(name=name)
        wide = filters * self.expansion
        self.convolution1 = convolution(filters, 1, 1, name="convolution1")
        self.convolution2 = convolution(filters, 3, stride, name="convolution2")
        self.convolution3 = convolution(wide, 1, 1, name="convolution3")
        self.projection = convolution(wide, 1, stride, name="projection") if project else None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = tf.nn.relu(self.convolution1(inputs, training=training))
        features = tf.nn.relu(self.convolution2(features, training=training))
        features = self.convolution3(features, training=training)
        return tf.nn.relu(features + around(self.projection, inputs, training))


def around(projection: keras.layers.Layer | None, inputs: tf.Tensor, training: bool) -> tf.Tensor:
    """Return what is added to the output of a block: its input, projected where the shape changes."""
    return inputs if projection is None else projection(inputs, training=training)
