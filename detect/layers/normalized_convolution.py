"""Convolution, dense or depthwise, and batch normalisation as one layer, which is as fast as the convolution alone once
the statistics are fixed.

Padding is (kernel_size - 1) // 2 on every side, as in PyTorch, whatever the stride. Keras' "same" does not pad the top
and left of an even side where the stride is 2, which would shift published PyTorch weights by a pixel.

The blocks in `layers/convolution.py` have the same parts as separate layers, with an activation behind them.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.convolution import pad
from detect.layers.depthwise import depthwise_convolution

Convolve = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # features and a kernel -> features


class NormalizedLayer(keras.layers.Layer):
    """Convolution without bias and batch normalisation, computed as one convolution where that is possible.

    While the statistics are fixed (in prediction, and in training where the normalisation is frozen) the layer computes
    one convolution with a bias: `scale * convolve(x, kernel) + offset = convolve(x, scale * kernel) + offset`. That
    saves two passes over the features, forward and backward, and lets TensorFlow fuse the activation that follows.

    Subclasses define `build` and `call`.

    Args:
        kernel_size: height and width of the kernel, odd.
        stride: 1 or 2.
        frozen: whether training leaves the statistics, the scale and the offset of the normalisation alone: for
            published weights and small batches.
        epsilon: added to the variance.
        momentum: the share that the moving statistics keep at each step.
        initializer: of the kernel. By default normal with the variance 2 / fan-out (arXiv 1502.01852), as in
            torchvision's ResNet.
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int = 1,
        frozen: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        initializer: keras.initializers.Initializer | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.kernel_size = kernel_size
        self.stride = stride
        self.initializer = initializer or keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        self.normalization = BatchNormalization(epsilon=epsilon, momentum=momentum, name="normalization")
        self.normalization.trainable = not frozen

    def _create_weights(self, kernel_shape: tuple[int, ...], filters: int) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=kernel_shape,
            initializer=self.initializer,
            autocast=False,  # the kernel is scaled in float32, then rounded once
        )
        self.normalization.build((None, None, None, filters))


class NormalizedConvolution(NormalizedLayer):
    """Convolution and batch normalisation: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), filters].

    Args:
        filters: channels of the output.
        kernel_size: as for `NormalizedLayer`.
        stride: as for `NormalizedLayer`.
        options: as for `NormalizedLayer`.
    """

    def __init__(self, filters: int, kernel_size: int, stride: int = 1, **options: Any):
        super().__init__(kernel_size, stride, **options)
        self.filters = filters

    def build(self, input_shape) -> None:
        self._create_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.filters), self.filters)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel, None, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if self.stride == 1:
            return tf.nn.conv2d(inputs, kernel, 1, "SAME")
        return tf.nn.conv2d(pad(inputs, (self.kernel_size - 1) // 2), kernel, self.stride, "VALID")


class NormalizedDepthwise(NormalizedLayer):
    """Depthwise convolution and batch normalisation: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), C].

    The kernel is [kernel_size, kernel_size, C, 1].
    """

    def build(self, input_shape) -> None:
        self._create_weights((self.kernel_size, self.kernel_size, input_shape[-1], 1), input_shape[-1])

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel[..., 0], None, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return depthwise_convolution(inputs, kernel[..., None], self.stride)


def normalized(
    convolve: Convolve,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None,
    normalization: BatchNormalization | None,
    training: bool,
) -> tf.Tensor:
    """Return `convolve(inputs, kernel) + bias`, normalised.

    Args:
        convolve: features and a kernel of their type to features [B, h, w, filters].
        inputs: [B, H, W, C].
        kernel: float32; its last axis is that of the filters.
        bias: float32 [filters], or None.
        normalization: None to do without one.
        training: whether the statistics of the batch are used, unless the normalisation is frozen.

    Returns:
        [B, h, w, filters], of the type of the inputs.
    """
    if normalization is not None and not (training and normalization.trainable):
        scale, offset = fixed_affine(normalization)
        kernel, bias = kernel * scale, offset if bias is None else offset + bias * scale
        normalization = None
    features = convolve(inputs, tf.cast(kernel, inputs.dtype))
    if bias is not None:
        features = tf.nn.bias_add(features, tf.cast(bias, inputs.dtype))
    return features if normalization is None else normalization(features, training=True)


def fixed_affine(normalization: BatchNormalization) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the scale and offset, float32 [C] each, to which batch normalisation reduces with fixed statistics."""
    scale = normalization.gamma * tf.math.rsqrt(normalization.moving_variance + normalization.epsilon)
    return scale, normalization.beta - normalization.moving_mean * scale
