"""MobileNetV3-Large, a backbone for phones (Howard et al., arXiv 1905.02244, table 1).

The structure is that of torchvision (https://github.com/pytorch/vision, `torchvision/models/mobilenetv3.py`,
BSD-3-Clause), so that its weights fit, those trained on ImageNet and those of its detectors.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.normalized_convolution import NormalizedConvolution, NormalizedDepthwise
from detect.layers.resnet import DEVIATION, MEAN
from detect.ops.activations import hard_sigmoid, hard_swish


class Row(NamedTuple):
    """A row of the paper's table: a block."""

    kernel_size: int
    expanded: int  # channels of the depthwise convolution
    filters: int  # channels of the output
    squeeze: bool
    activation: str  # "relu" or "hard_swish"
    stride: int


# A stage starts where the stride doubles.
STAGES = (
    (Row(3, 16, 16, False, "relu", 1),),
    (Row(3, 64, 24, False, "relu", 2), Row(3, 72, 24, False, "relu", 1)),
    (Row(5, 72, 40, True, "relu", 2), Row(5, 120, 40, True, "relu", 1), Row(5, 120, 40, True, "relu", 1)),
    (
        Row(3, 240, 80, False, "hard_swish", 2),
        Row(3, 200, 80, False, "hard_swish", 1),
        Row(3, 184, 80, False, "hard_swish", 1),
        Row(3, 184, 80, False, "hard_swish", 1),
        Row(3, 480, 112, True, "hard_swish", 1),
        Row(3, 672, 112, True, "hard_swish", 1),
    ),
    (
        Row(5, 672, 160, True, "hard_swish", 2),
        Row(5, 960, 160, True, "hard_swish", 1),
        Row(5, 960, 160, True, "hard_swish", 1),
    ),
)


class Features(NamedTuple):
    """The features that detectors use; channels are those at width 1 (with the reduced tail)."""

    expanded16: tf.Tensor  # [B, H / 16, W / 16, 672]: within the first block of stage 5, after its expansion
    first32: tf.Tensor  # [B, H / 32, W / 32, 160 (80)]: after the first block of stage 5
    last32: tf.Tensor  # [B, H / 32, W / 32, 960 (480)]: after the convolution that follows stage 5


class MobileNetV3Large(Composite):
    """uint8 RGB images [B, H, W, 3] -> `Features`; sides of features are rounded up.

    SSDLite takes `expanded16` and `last32`, torchvision's pyramid `first32` and `last32`.

    Args:
        width: factor on the number of channels, which are rounded to multiples of 8.
        reduced_tail: whether the last blocks have half the channels (paper, section 6.3; table 6).
        mean: subtracted from the RGB values 0 to 255.
        deviation: by which they are then divided.
        options: `frozen`, `epsilon`, `momentum` and `initializer` of every `NormalizedLayer`. Epsilon is 1e-3 and
            momentum 0.99 by default, as in torchvision's training on ImageNet.
    """

    def __init__(
        self,
        width: float = 1.0,
        reduced_tail: bool = False,
        mean: tuple[float, float, float] = MEAN,
        deviation: tuple[float, float, float] = DEVIATION,
        name: str | None = None,
        **options: Any,
    ):
        super().__init__(name=name)
        self.width, self.reduced_tail = width, reduced_tail
        self.mean, self.deviation = mean, deviation
        options = {"epsilon": 1e-3, "momentum": 0.99, **options}
        stages = scaled_stages(width, reduced_tail)
        channels = divisible(16 * width)
        self.stem = NormalizedConvolution(channels, 3, 2, name="stem", **options)
        self.stages = []
        for number, rows in enumerate(stages, start=1):
            self.stages.append(Stage(rows, channels, options, name=f"stage{number}"))
            channels = rows[-1].filters
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = self.stages
        self.last = NormalizedConvolution(6 * channels, 1, name="last", **options)

    def call(self, images: tf.Tensor, training: bool = False) -> Features:
        pixels = (tf.cast(images, tf.float32) - self.mean) / self.deviation
        features = hard_swish(self.stem(tf.cast(pixels, self.compute_dtype), training=training))
        for stage in self.stages[:-1]:
            features = stage(features, training=training)
        expanded, first, final = self.stage5.call_in_parts(features, training)
        return Features(expanded, first, hard_swish(self.last(final, training=training)))


class Stage(Composite):
    """Blocks in sequence."""

    def __init__(self, rows: tuple[Row, ...], channels: int, options: dict[str, Any], name: str | None = None):
        super().__init__(name=name)
        self.blocks = []
        for index, row in enumerate(rows):
            self.blocks.append(InvertedResidual(row, channels, options, name=f"block{index}"))
            channels = row.filters

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.call_in_parts(inputs, training)[-1]

    def call_in_parts(self, inputs: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the features within the first block after its expansion, after the first block, and after the last."""
        block, *others = self.blocks
        expanded = block.expand_channels(inputs, training)
        features = first = block.contract(expanded, inputs, training)
        for other in others:
            features = other(features, training=training)
        return expanded, first, features


class InvertedResidual(Composite):
    """1 x 1 convolution to more channels, depthwise convolution, squeeze-and-excitation, 1 x 1 convolution to fewer.

    The input is added to the output where it has the same shape (paper, figure 4).
    """

    def __init__(self, row: Row, channels: int, options: dict[str, Any], name: str | None = None):
        super().__init__(name=name)
        self.around = row.stride == 1 and row.filters == channels
        self.activation = tf.nn.relu if row.activation == "relu" else hard_swish
        expands = row.expanded != channels
        self.expand = NormalizedConvolution(row.expanded, 1, name="expand", **options) if expands else None
        self.depthwise = NormalizedDepthwise(row.kernel_size, row.stride, name="depthwise", **options)
        self.squeeze = SqueezeExcitation(divisible(row.expanded // 4), name="squeeze") if row.squeeze else None
        self.project = NormalizedConvolution(row.filters, 1, name="project", **options)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.contract(self.expand_channels(inputs, training), inputs, training)

    def expand_channels(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Compute the first part of the block, up to its expansion."""
        return inputs if self.expand is None else self.activation(self.expand(inputs, training=training))

    def contract(self, expanded: tf.Tensor, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Compute the rest of the block, whose input was `inputs`."""
        features = self.activation(self.depthwise(expanded, training=training))
        if self.squeeze is not None:
            features = self.squeeze(features)
        features = self.project(features, training=training)
        return features + inputs if self.around else features


class SqueezeExcitation(Composite):
    """Multiply each channel by a factor in 0..1, computed from the means of all (arXiv 1709.01507, figure 1)."""

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.filters = filters

    def build(self, input_shape) -> None:
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        self.reduce = keras.layers.Conv2D(self.filters, 1, activation="relu", kernel_initializer=start, name="reduce")
        self.restore = keras.layers.Conv2D(input_shape[-1], 1, kernel_initializer=start, name="restore")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        means = tf.reduce_mean(inputs, axis=[1, 2], keepdims=True)
        return inputs * hard_sigmoid(self.restore(self.reduce(means)))


def scaled_stages(width: float, reduced_tail: bool) -> tuple[tuple[Row, ...], ...]:
    """Return `STAGES` with the numbers of channels at a width."""
    *body, (first, *rest) = STAGES
    if reduced_tail:
        first, rest = first._replace(filters=80), [row._replace(expanded=480, filters=80) for row in rest]
    return tuple(
        tuple(
            row._replace(expanded=divisible(row.expanded * width), filters=divisible(row.filters * width))
            for row in rows
        )
        for rows in (*body, (first, *rest))
    )


def divisible(channels: float) -> int:
    """Return the nearest multiple of 8, at least 8, or the next one where that is less than 90 % of `channels`."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
