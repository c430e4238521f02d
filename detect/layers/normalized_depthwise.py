"""Depthwise convolution and batch normalisation as one layer, which costs what the convolution costs once statistics
are fixed.
"""

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.depthwise import depthwise_convolution
from detect.layers.normalized_convolution import normalized


class NormalizedDepthwise(keras.layers.Layer):
    """Depthwise convolution without bias, batch normalisation: [B, H, W, C] -> [B, H / stride, W / stride, C].

    Padding is (kernel - 1) // 2 on every side, as in PyTorch; the sides of the result are rounded up. While the
    statistics are fixed, it is one convolution with a bias, as `NormalizedConvolution`.

    Args:
        frozen: never learn the statistics, the scale and the offset: for published weights and small batches.
        epsilon: what is added to the variance.
        momentum: share that the moving statistics keep at each step.
        initializer: of the kernel [k, k, C, 1]; by default normal, with the variance 2 / fan-out (arXiv 1502.01852).
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

    def build(self, input_shape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], 1),
            initializer=self.initializer,
            autocast=False,  # the kernel is scaled in float32, then rounded once
        )
        self.normalization.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return normalized(self._convolve, inputs, self.kernel[..., 0], None, self.normalization, training)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return depthwise_convolution(inputs, kernel[..., None], self.stride)
