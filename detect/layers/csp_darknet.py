"""CSPDarknet, the backbone of YOLOX (arXiv 2107.08430; cross-stage partial networks: arXiv 1911.11929).

The structure is that of the authors' code (https://github.com/Megvii-BaseDetection/YOLOX, `yolox/models/darknet.py` and
`network_blocks.py`, Apache-2.0).
"""

import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import ConvolutionBlock, pad, spatial_block
from detect.ops.activations import swish
from detect.ops.compiling import Runtime, dimension, is_exported


class CspDarknet(Composite):
    """uint8 RGB images [B, H, W, 3] -> features at strides 8, 16 and 32, of 4, 8 and 16 times `filters` channels.

    H and W must be multiples of 32.

    Args:
        filters: channels of the stem, at stride 2.
        depth: bottlenecks of the first stage; the two in the middle have three times as many.
        separable: whether convolutions are depthwise separable instead of dense.
        runtime: what will run it.
    """

    def __init__(
        self,
        filters: int,
        depth: int,
        separable: bool = False,
        runtime: Runtime = "local",
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.focus = Focus(filters, runtime, name="focus")
        self.stage2 = Stage(2 * filters, depth, separable=separable, name="stage2")
        self.stage3 = Stage(4 * filters, 3 * depth, separable=separable, name="stage3")
        self.stage4 = Stage(8 * filters, 3 * depth, separable=separable, name="stage4")
        self.stage5 = Stage(16 * filters, depth, pooling=True, shortcut=False, separable=separable, name="stage5")

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        stride4 = self.stage2(self.focus(images, training=training), training=training)
        stride8 = self.stage3(stride4, training=training)
        stride16 = self.stage4(stride8, training=training)
        stride32 = self.stage5(stride16, training=training)
        return [stride8, stride16, stride32]


class Focus(Composite):
    """The stem: 2 x 2 pixels become the channels of one position, followed by a 3 x 3 convolution.

    Takes uint8 RGB. The convolution gets what the published weights were trained on: BGR, 0 to 255, not normalised.

    In an export, where weights are constants, it is one convolution of the pixels. One image through YOLOX-Nano then
    takes 0.81 of the time with ONNX Runtime, which is slow at exchanging channels, and 0.88 with LiteRT (one thread).
    """

    def __init__(self, filters: int, runtime: Runtime = "local", name: str | None = None):
        super().__init__(name=name)
        self.runtime = runtime
        self.block = ConvolutionBlock(filters, 3, name="block")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        if is_exported(self.runtime) and self.block.built:
            return self._convolved(images, training)
        pixels = tf.cast(pixels_to_channels(tf.reverse(images, [-1])), self.compute_dtype)
        return self.block(pixels, training=training)

    def _convolved(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """Return what `call` returns, by a convolution of 6 x 6 pixels."""
        kernel = self.block.convolution.kernel
        by_pixel = tf.reshape(kernel, [3, 3, 2, 2, 3, -1])  # row, column, right, down, channel
        by_pixel = tf.transpose(by_pixel, [0, 3, 1, 2, 4, 5])
        by_pixel = tf.reverse(tf.reshape(by_pixel, [6, 6, 3, -1]), [2])
        pixels = tf.cast(images, self.compute_dtype)
        features = tf.nn.conv2d(pad(pixels, 2), tf.cast(by_pixel, pixels.dtype), 2, "VALID")
        return swish(self.block.normalization(features, training=training))


def pixels_to_channels(images: tf.Tensor) -> tf.Tensor:
    """[B, H, W, 3] -> [B, H / 2, W / 2, 12]: top left, bottom left, top right, bottom right, 3 channels each.

    This column by column order is that of the authors' code, so that their weights fit; `tf.nn.space_to_depth` goes row
    by row.
    """
    batch, height, width = (dimension(images, axis) for axis in range(3))  # known sides stay known
    patches = tf.reshape(images, [batch, height // 2, 2, width // 2, 2, 3])
    patches = tf.transpose(patches, [0, 1, 3, 4, 2, 5])  # [B, H / 2, W / 2, right, down, 3]
    return tf.reshape(patches, [batch, height // 2, width // 2, 12])


class Stage(Composite):
    """A convolution with stride 2, then `depth` bottlenecks: [B, H, W, C] -> [B, H / 2, W / 2, filters].

    Args:
        filters: channels of the output.
        depth: number of bottlenecks.
        pooling: whether `SpatialPyramidPooling` follows the first convolution.
        shortcut: whether bottlenecks add their input.
        separable: whether convolutions are depthwise separable instead of dense.
    """

    def __init__(self, filters, depth, pooling=False, shortcut=True, separable=False, name=None):
        super().__init__(name=name)
        self.downsample = spatial_block(filters, 3, stride=2, separable=separable, name="downsample")
        self.pooling = SpatialPyramidPooling(filters, name="pooling") if pooling else None
        self.partial = CrossStagePartial(filters, depth, shortcut=shortcut, separable=separable, name="partial")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.downsample(inputs, training=training)
        if self.pooling is not None:
            features = self.pooling(features, training=training)
        return self.partial(features, training=training)


class CrossStagePartial(Composite):
    """Half of the channels pass `depth` bottlenecks, half bypass them: [B, H, W, C] -> [B, H, W, filters].

    Args:
        filters: channels of the output.
        depth: number of bottlenecks.
        shortcut: whether bottlenecks add their input.
        separable: whether convolutions are depthwise separable instead of dense.
    """

    def __init__(self, filters, depth, shortcut=True, separable=False, name=None):
        super().__init__(name=name)
        self.through = ConvolutionBlock(filters // 2, name="through")
        self.around = ConvolutionBlock(filters // 2, name="around")
        self.merge = ConvolutionBlock(filters, name="merge")
        self.bottlenecks = [
            Bottleneck(filters // 2, shortcut, separable, name=f"bottleneck{index}") for index in range(depth)
        ]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.through(inputs, training=training)
        for bottleneck in self.bottlenecks:
            features = bottleneck(features, training=training)
        around = self.around(inputs, training=training)
        return self.merge(tf.concat([features, around], axis=-1), training=training)


class Bottleneck(Composite):
    """A 1 x 1, then a 3 x 3 convolution, added to the input if `shortcut`: [B, H, W, filters] -> the same shape."""

    def __init__(self, filters: int, shortcut: bool, separable: bool, name: str | None = None):
        super().__init__(name=name)
        self.shortcut = shortcut
        self.pointwise = ConvolutionBlock(filters, name="pointwise")
        self.spatial = spatial_block(filters, 3, separable=separable, name="spatial")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.spatial(self.pointwise(inputs, training=training), training=training)
        return features + inputs if self.shortcut else features


class SpatialPyramidPooling(Composite):
    """The features and their maxima over 5, 9 and 13 pixels: [B, H, W, C] -> [B, H, W, filters].

    The maximum over 5 applied twice is that over 9, three times that over 13: the same result in less than half the
    time.
    """

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.reduce = ConvolutionBlock(filters // 2, name="reduce")
        self.merge = ConvolutionBlock(filters, name="merge")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        pooled = [self.reduce(inputs, training=training)]
        for _ in range(3):
            pooled.append(tf.nn.max_pool2d(pooled[-1], 5, 1, "SAME"))
        return self.merge(tf.concat(pooled, axis=-1), training=training)
