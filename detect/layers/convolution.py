"""Blocks of convolution, batch normalisation and SiLU, dense or depthwise separable, as YOLOX has them.

Padding is (kernel_size - 1) // 2 on every side, as in PyTorch, whatever the stride. Keras' "same" does not pad the top
and left of an even side where the stride is 2, which would shift published PyTorch weights by a pixel.
"""

import math

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.composite import Composite
from detect.layers.depthwise import DepthwiseConvolution
from detect.ops.activations import swish


class ConvolutionBlock(Composite):
    """Convolution without bias, batch normalisation, SiLU: [B, H, W, C] -> [B, H / stride, W / stride, filters].

    H and W must be multiples of `stride`. The initial kernel is uniform in +-1 / sqrt(fan-in), PyTorch's default.
    """

    def __init__(self, filters: int, kernel_size: int = 1, stride: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.padding = (kernel_size - 1) // 2 if stride > 1 else 0
        self.convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides=stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            kernel_initializer=fan_in_uniform(),
            name="convolution",
        )
        self.normalization = BatchNormalization(epsilon=1e-3, momentum=0.97, name="normalization")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.convolution(pad(inputs, self.padding))
        return swish(self.normalization(features, training=training))


class DepthwiseBlock(Composite):
    """Depthwise convolution, batch normalisation, SiLU: [B, H, W, C] -> [B, H / stride, W / stride, C]."""

    def __init__(self, kernel_size: int, stride: int = 1, name: str | None = None):
        super().__init__(name=name)
        limit = 1 / kernel_size  # the fan-in is kernel_size squared; Keras would multiply it by the channels
        start = keras.initializers.RandomUniform(-limit, limit)
        self.convolution = DepthwiseConvolution(kernel_size, stride, initializer=start, name="convolution")
        self.normalization = BatchNormalization(epsilon=1e-3, momentum=0.97, name="normalization")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return swish(self.normalization(self.convolution(inputs), training=training))


class SeparableBlock(Composite):
    """A depthwise block, then a 1 x 1 convolution block: a much smaller replacement for a dense `ConvolutionBlock`."""

    def __init__(self, filters: int, kernel_size: int, stride: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.depthwise = DepthwiseBlock(kernel_size, stride, name="depthwise")
        self.pointwise = ConvolutionBlock(filters, name="pointwise")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.pointwise(self.depthwise(inputs, training=training), training=training)


def spatial_block(filters: int, kernel_size: int, stride: int = 1, *, separable: bool, name: str) -> Composite:
    """Return a block for kernels larger than 1 x 1, dense or depthwise separable.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the kernel.
        stride: 1 or 2.
        separable: whether it is depthwise separable.
        name: of the layer.
    """
    kind = SeparableBlock if separable else ConvolutionBlock
    return kind(filters, kernel_size, stride, name=name)


def fan_in_uniform() -> keras.initializers.Initializer:
    """Return an initializer uniform in +-1 / sqrt(fan-in), PyTorch's default: kaiming_uniform with a = sqrt(5)."""
    return keras.initializers.VarianceScaling(scale=1 / 3, mode="fan_in", distribution="uniform")


def prior_bias(probability: float) -> keras.initializers.Initializer:
    """Return an initializer of biases with which a sigmoid starts at `probability` (arXiv 1708.02002, section 4.1)."""
    return keras.initializers.Constant(-math.log((1 - probability) / probability))


def pad(inputs: tf.Tensor, padding: int) -> tf.Tensor:
    """Return features [B, H, W, C] with `padding` zeros on all four sides.

    On a CPU this is faster than the explicit paddings of `tf.nn.conv2d`.
    """
    if padding == 0:
        return inputs
    return tf.pad(inputs, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
