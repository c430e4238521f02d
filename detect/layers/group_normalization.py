"""Group normalisation (Wu and He, arXiv 1803.08494) in few passes over the features.

Keras composes it of passes over five-dimensional views. Here the features are read for two means of each channel, the
groups are formed of these few numbers, and what is left to do is one scale and one offset for each channel. The
gradient is written out likewise.
"""

import keras
import tensorflow as tf


class GroupNormalization(keras.layers.Layer):
    """[B, H, W, C] -> the same, each group of C / groups channels of an image normalised over its own values.

    Weights: `gamma` and `beta`, float32 [C]. It computes in float32 whatever the features are.
    """

    def __init__(self, groups: int = 32, epsilon: float = 1e-5, name: str | None = None):
        super().__init__(name=name)
        self.groups = groups
        self.epsilon = epsilon

    def build(self, input_shape) -> None:
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        values = tf.cast(inputs, tf.float32)
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        return tf.cast(normalize_groups(values, gamma, beta, self.groups, self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def normalize_groups(values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, groups: int, epsilon: float) -> tf.Tensor:
    """Group normalisation of float32 values [B, H, W, C] (paper, equations 1 to 7)."""

    @tf.custom_gradient
    def normalize(values, gamma, beta):
        mean, square = _mean(values), _mean(values * values)  # [B, C]
        mean, square = _over_group(mean, groups), _over_group(square, groups)
        inverse = tf.math.rsqrt(tf.nn.relu(square - mean * mean) + epsilon)  # of the deviation
        scale = gamma * inverse

        def gradient(upstream):
            # With n = (values - mean) * inverse, the gradient by the values is
            # inverse * (gamma * upstream - average(gamma * upstream) - n * average(gamma * upstream * n)).
            plain = _mean(upstream)
            along = (_mean(upstream * values) - mean * plain) * inverse  # mean of upstream * n
            by_value = -inverse * inverse * _over_group(gamma * along, groups)
            constant = -inverse * _over_group(gamma * plain, groups) - mean * by_value
            by_values = _affine(upstream, scale, constant) + values * by_value[:, None, None]
            pixels = tf.cast(tf.shape(values)[1] * tf.shape(values)[2], tf.float32)
            return by_values, pixels * tf.reduce_sum(along, axis=0), pixels * tf.reduce_sum(plain, axis=0)

        return _affine(values, scale, beta - mean * scale), gradient

    return normalize(values, gamma, beta)


def _mean(values: tf.Tensor) -> tf.Tensor:
    """The mean of each channel of an image: [B, H, W, C] -> [B, C]. Axis by axis it is faster, and more exact."""
    return tf.reduce_mean(tf.reduce_mean(values, axis=2), axis=1)


def _over_group(values: tf.Tensor, groups: int) -> tf.Tensor:
    """The mean over the channels of each group, for every channel: [B, C] -> [B, C]."""
    batch, channels = tf.unstack(tf.shape(values))
    means = tf.reduce_mean(tf.reshape(values, [batch, groups, channels // groups]), axis=-1)
    return tf.repeat(means, channels // groups, axis=-1)


def _affine(values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] by a scale and an offset [B, C]."""
    return values * scale[:, None, None] + offset[:, None, None]
