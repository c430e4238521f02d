"""EfficientNet, the backbone of EfficientDet (Tan and Le, arXiv 1905.11946), and its Lite variant.

Structure and initial values are those of the authors' code (https://github.com/google/automl, `efficientdet/backbone/`,
Apache-2.0), so that the published weights fit. Lite leaves out what mobile hardware is slow at: it has no
squeeze-and-excitation, ReLU6 instead of swish, and a stem, first and last stage that are not scaled with the rest.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.same_convolution import SameConvolution, SameDepthwiseConvolution
from detect.ops.activations import swish

# What the published weights were trained on, of RGB values 0 to 255.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
LITE_MEAN, LITE_DEVIATION = (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)

STEM = 32  # channels at stride 2
DROPPED = 0.2  # stochastic depth: the share of images that skip the last block; it rises linearly from 0


class Stage(NamedTuple):
    """Blocks of one kind (paper, table 1). The stride is that of the first block; the others have 1."""

    kernel_size: int
    blocks: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(3, 1, 1, 1, 16),
    Stage(3, 2, 2, 6, 24),
    Stage(5, 2, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(5, 3, 1, 6, 112),
    Stage(5, 4, 2, 6, 192),
    Stage(3, 1, 1, 6, 320),
)
ENDS = (2, 4, 6)  # stages after which features of strides 8, 16 and 32 are taken


class EfficientNet(Composite):
    """uint8 RGB images [B, H, W, 3] -> features at strides 8, 16 and 32, of 40, 112 and 320 channels at width 1.

    Args:
        width: factor on the number of channels (paper, equation 3).
        depth: factor on the number of blocks.
        lite: whether this is the Lite variant.
        stochastic: whether training leaves out blocks at random (stochastic depth, arXiv 1603.09382).
    """

    def __init__(self, width: float, depth: float, lite: bool, stochastic: bool, name: str | None = None):
        super().__init__(name=name)
        self.lite = lite
        channels = STEM if lite else scaled_filters(STEM, width)
        self.stem = SameConvolution(channels, 3, 2, name="stem")
        self.blocks: list[InvertedBottleneck] = []
        self.taken: list[int] = []  # the blocks after which features are taken
        for index, stage in enumerate(STAGES):
            filters = scaled_filters(stage.filters, width)
            for position in range(number_of_blocks(index, depth, lite)):
                options = {"kernel_size": stage.kernel_size, "stride": stage.stride if position == 0 else 1}
                name = f"block{len(self.blocks)}"
                self.blocks.append(InvertedBottleneck(channels, filters, stage.expansion, lite, **options, name=name))
                channels = filters
            if index in ENDS:
                self.taken.append(len(self.blocks) - 1)
        self.drops = [DROPPED * index / len(self.blocks) * stochastic for index in range(len(self.blocks))]

    def call(self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> list[tf.Tensor]:
        """Compute the features; `seed`, integers [2], determines the blocks that training leaves out."""
        mean, deviation = (LITE_MEAN, LITE_DEVIATION) if self.lite else (MEAN, DEVIATION)
        pixels = (tf.cast(images, tf.float32) - mean) / deviation
        features = activation(self.lite)(self.stem(tf.cast(pixels, self.compute_dtype), training=training))
        if training and any(self.drops):
            shape = [len(self.blocks), tf.shape(images)[0], 1, 1, 1]
            draws = tf.random.stateless_uniform(shape, seed, alg="philox")  # "auto" differs under XLA
            factors = [keep_or_drop(*pair) for pair in zip(tf.unstack(draws), self.drops, strict=True)]
        else:
            factors = [None] * len(self.blocks)
        levels = []
        for index, (block, factor) in enumerate(zip(self.blocks, factors, strict=True)):
            features = block(features, factor, training=training)
            if index in self.taken:
                levels.append(features)
        return levels


class InvertedBottleneck(Composite):
    """1 x 1 convolution to more channels, depthwise convolution, 1 x 1 convolution to fewer (arXiv 1801.04381).

    Args:
        channels: of the input.
        filters: channels of the output.
        expansion: factor on the number of channels within.
        lite: whether this is the Lite variant.
        kernel_size: of the depthwise convolution.
        stride: of the depthwise convolution.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        expansion: int,
        lite: bool,
        *,
        kernel_size: int,
        stride: int,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.activation = activation(lite)
        self.has_shortcut = stride == 1 and channels == filters
        self.expand = SameConvolution(channels * expansion, name="expand") if expansion > 1 else None
        self.depthwise = SameDepthwiseConvolution(kernel_size, stride, name="depthwise")
        self.excite = None if lite else Excitation(max(1, channels // 4), name="excite")
        self.project = SameConvolution(filters, name="project")

    def call(self, inputs: tf.Tensor, factor: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Compute the features; `factor` [B, 1, 1, 1] multiplies what the block adds to its input."""
        features = inputs
        if self.expand is not None:
            features = self.activation(self.expand(features, training=training))
        features = self.activation(self.depthwise(features, training=training))
        if self.excite is not None:
            features = self.excite(features)
        features = self.project(features, training=training)
        if not self.has_shortcut:
            return features
        if factor is not None:
            features *= tf.cast(factor, features.dtype)
        return features + inputs


class Excitation(keras.layers.Layer):
    """Multiply each channel by a factor computed from the means of all (squeeze-and-excitation, arXiv 1709.01507).

    Args:
        filters: channels between the two matrices.
    """

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.filters = filters

    def build(self, input_shape) -> None:
        channels = input_shape[-1]
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        self.squeeze = self.add_weight(name="squeeze", shape=(channels, self.filters), initializer=start)
        self.squeeze_bias = self.add_weight(name="squeeze_bias", shape=(self.filters,), initializer="zeros")
        self.excite = self.add_weight(name="excite", shape=(self.filters, channels), initializer=start)
        self.excite_bias = self.add_weight(name="excite_bias", shape=(channels,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        squeezed = tf.nn.silu(tf.reduce_mean(inputs, axis=[1, 2]) @ self.squeeze + self.squeeze_bias)
        return inputs * tf.sigmoid(squeezed @ self.excite + self.excite_bias)[:, None, None]


def activation(lite: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return swish, or for Lite ReLU6, which can be computed with integers."""
    return tf.nn.relu6 if lite else swish


def scaled_filters(filters: int, width: float) -> int:
    """Return the number of channels at a width: the multiple of 8 nearest to `filters * width`, at least 90 % of it."""
    wanted = filters * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * wanted else nearest + 8


def number_of_blocks(stage: int, depth: float, lite: bool) -> int:
    """Return the number of blocks of a stage at a depth."""
    fixed = lite and stage in (0, len(STAGES) - 1)
    return STAGES[stage].blocks if fixed else math.ceil(depth * STAGES[stage].blocks)


def keep_or_drop(draws: tf.Tensor, share: float) -> tf.Tensor:
    """Return 0 where a draw, uniform in 0..1, is below `share`, and `1 / (1 - share)` elsewhere: 1 on average."""
    return tf.where(draws < share, 0.0, 1 / (1 - share))
