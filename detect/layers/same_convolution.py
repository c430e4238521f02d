"""Convolutions of Google's models: "same" padding, then batch normalisation, sometimes with a bias between them.

"Same" does not pad the top and left of an even side where the stride is 2, while PyTorch pads all sides. While the
statistics are fixed, a convolution and its normalisation are computed as one convolution with a bias, as in
`NormalizedLayer`.
"""

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.depthwise import depthwise_convolution
from detect.layers.normalized_convolution import normalized


class SameConvolution(keras.layers.Layer):
    """Convolution and batch normalisation: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), filters].

    Args:
        filters: channels of the output.
        kernel_size: height and width of the kernel.
        stride: 1 or 2.
        bias: whether the convolution has one. The normalisation removes it again, but published weights have it.
        initializer: of the kernel; by default normal with the variance 2 / fan-out, as in EfficientNet.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 1,
        stride: int = 1,
        bias: bool = False,
        initializer: str | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.has_bias = bias
        self.initializer = initializer or keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        self.normalization = BatchNormalization(name="normalization")

    def build(self, input_shape) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.initializer, autocast=False)
        self.bias = (
            self.add_weight(name="bias", shape=(self.filters,), initializer="zeros", autocast=False)
            if self.has_bias
            else None
        )
        self.normalization.build((*input_shape[:-1], self.filters))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel, self.bias, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(inputs, kernel, self.stride, "SAME")


class SameDepthwiseConvolution(keras.layers.Layer):
    """Depthwise convolution and batch normalisation: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), C].

    The kernel is [kernel_size, kernel_size, C]. Its initial values are normal with the variance 2 / kernel_size ** 2,
    as in EfficientNet.
    """

    def __init__(self, kernel_size: int, stride: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.kernel_size = kernel_size
        self.stride = stride
        self.normalization = BatchNormalization(name="normalization")

    def build(self, input_shape) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1])
        start = keras.initializers.RandomNormal(stddev=2**0.5 / self.kernel_size)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=start, autocast=False)
        self.normalization.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel, None, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return depthwise(inputs, kernel, self.stride)


class SeparableConvolution(keras.layers.Layer):
    """3 x 3 depthwise convolution, then a 1 x 1 convolution with bias: [B, H, W, C] -> [B, H, W, filters].

    It does not have a normalisation of its own, but `call` takes one: the levels of a head share its filters, and each
    has its own normalisation.

    Args:
        filters: channels of the output.
        initializer: of both kernels.
        bias_initializer: of the bias.
    """

    def __init__(self, filters: int, initializer: str, bias_initializer="zeros", name: str | None = None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.initializer = keras.initializers.get(initializer)
        self.bias_initializer = bias_initializer

    def build(self, input_shape) -> None:
        channels = input_shape[-1]

        def start(shape, dtype=None):  # that of a kernel with one filter, whose fan-in counts all channels
            return tf.squeeze(self.initializer((*shape, 1), dtype), axis=-1)

        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel", shape=(3, 3, channels), initializer=start, autocast=False
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(1, 1, channels, self.filters),
            initializer=self.initializer,
            autocast=False,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer=self.bias_initializer, autocast=False
        )

    def call(
        self, inputs: tf.Tensor, normalization: BatchNormalization | None = None, training: bool = False
    ) -> tf.Tensor:
        features = depthwise(inputs, tf.cast(self.depthwise_kernel, inputs.dtype), 1)
        return normalized(pointwise, features, self.pointwise_kernel, self.bias, normalization, training)


def pointwise(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Convolve inputs [B, H, W, C] with a kernel [1, 1, C, filters]: [B, H, W, filters]."""
    return tf.nn.conv2d(inputs, kernel, 1, "SAME")


def depthwise(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Convolve each channel of [B, H, W, C] with its filter in [k, k, C]; the sides become ceil(side / stride)."""
    return depthwise_convolution(inputs, kernel[..., None], stride, centred=False)
