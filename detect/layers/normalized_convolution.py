"""Convolution and batch normalisation as one layer, which costs what the convolution costs once statistics are fixed.

Padding is (kernel - 1) // 2 on every side, as in PyTorch, whatever the stride. Keras' "same" pads a strided convolution
of an even size by nothing at the top and left, which would shift published PyTorch weights by a pixel.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.convolution import pad

Convolve = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # features and a kernel -> features


class NormalizedConvolution(keras.layers.Layer):
    """Convolution without bias, batch normalisation: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), filters].

    While the statistics are fixed (in prediction, and in training where the normalisation is frozen) it is one
    convolution with a bias: `scale * convolve(x, kernel) + offset = convolve(x, scale * kernel) + offset`. That saves
    two passes over the features, forward and back, and lets TensorFlow fuse the activation behind it.

    Kernels start normal with the variance 2 / fan-out (arXiv 1502.01852), as in torchvision's ResNet.

    Args:
        frozen: never learn the statistics, the scale and the offset: for published weights and small batches.
        epsilon: what is added to the variance.
        momentum: share that the moving statistics keep at each step.
        initializer: of the kernel, in place of the one above.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 1,
        frozen: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        initializer: keras.initializers.Initializer | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.initializer = initializer or keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        self.normalization = BatchNormalization(epsilon=epsilon, momentum=momentum, name="normalization")
        self.normalization.trainable = not frozen

    def build(self, input_shape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.initializer,
            autocast=False,  # the kernel is scaled in float32, then rounded once
        )
        self.normalization.build((*input_shape[:-1], self.filters))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel, None, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if self.stride == 1:
            return tf.nn.conv2d(inputs, kernel, 1, "SAME")
        return tf.nn.conv2d(pad(inputs, (self.kernel_size - 1) // 2), kernel, self.stride, "VALID")


def normalized(
    convolve: Convolve,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None,
    normalization: BatchNormalization | None,
    training: bool,
) -> tf.Tensor:
    """`convolve(inputs, kernel) + bias`, normalised; the last axis of `kernel` is that of the output's channels."""
    if normalization is not None and not (training and normalization.trainable):
        scale, offset = fixed_affine(normalization)
        kernel, bias = kernel * scale, offset if bias is None else offset + bias * scale
        normalization = None
    features = convolve(inputs, tf.cast(kernel, inputs.dtype))
    if bias is not None:
        features = tf.nn.bias_add(features, tf.cast(bias, inputs.dtype))
    return features if normalization is None else normalization(features, training=True)


def fixed_affine(normalization: BatchNormalization) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale and offset [C], float32, that batch normalisation comes to when its statistics are fixed."""
    scale = normalization.gamma * tf.math.rsqrt(normalization.moving_variance + normalization.epsilon)
    return scale, normalization.beta - normalization.moving_mean * scale
