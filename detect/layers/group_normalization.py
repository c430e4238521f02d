"""Group normalisation (Wu and He, arXiv 1803.08494) in few passes over the features.

Keras composes it of passes over five-dimensional views. Here two means are computed of each channel, the statistics of
the groups from these few numbers, and the features are then scaled and shifted channel by channel. The gradient is
written out in the same way.
"""

import keras
import tensorflow as tf


class GroupNormalization(keras.layers.Layer):
    """Normalise each group of C / groups channels of each image of features [B, H, W, C].

    The weights are `gamma` and `beta`, float32 [C]. Computed in float32, whatever the type of the features.

    Args:
        groups: number of groups.
        epsilon: added to the variance.
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
    """Return normalised values (paper, equations 1 to 7).

    Args:
        values: float32 [B, H, W, C].
        gamma: scale, float32 [C].
        beta: offset, float32 [C].
        groups: number of groups; a divisor of C.
        epsilon: added to the variance.

    Returns:
        float32 [B, H, W, C].
    """
    members = values.shape[-1] // groups  # channels of a group

    def channel_means(values):
        """Return the mean of each channel, [B, G, C / G]; axis by axis, which is faster and more exact."""
        return tf.reshape(tf.reduce_mean(tf.reduce_mean(values, axis=2), axis=1), [-1, groups, members])

    def per_channel(numbers):
        """Reshape numbers [B, G, C / G] or [B, G, 1] to [B, 1, 1, C]."""
        return tf.reshape(numbers * tf.ones([groups, members]), [-1, 1, 1, groups * members])

    @tf.custom_gradient
    def normalize(values, gamma, beta):
        gamma, beta = tf.reshape(gamma, [groups, members]), tf.reshape(beta, [groups, members])
        mean, square = _group_means(channel_means(values)), _group_means(channel_means(values * values))
        inverse = tf.math.rsqrt(tf.nn.relu(square - mean * mean) + epsilon)  # of the deviation [B, G, 1]
        scale = per_channel(gamma * inverse)

        def gradient(upstream):
            # With n = (values - mean) * inverse, the gradient for the values is
            # inverse * (gamma * upstream - average(gamma * upstream) - n * average(gamma * upstream * n)).
            plain = channel_means(upstream)
            along = (channel_means(upstream * values) - mean * plain) * inverse  # means of upstream * n
            by_value = -inverse * inverse * _group_means(gamma * along)
            constant = -inverse * _group_means(gamma * plain) - mean * by_value
            by_values = upstream * scale + values * per_channel(by_value) + per_channel(constant)
            pixels = tf.cast(tf.shape(values)[1] * tf.shape(values)[2], tf.float32)
            by_weights = (tf.reshape(pixels * tf.reduce_sum(means, axis=0), [-1]) for means in (along, plain))
            return by_values, *by_weights

        return values * scale + per_channel(beta - mean * gamma * inverse), gradient

    return normalize(values, gamma, beta)


def _group_means(channels: tf.Tensor) -> tf.Tensor:
    """Return the mean over the channels of each group: [B, G, C / G] -> [B, G, 1]."""
    return tf.reduce_mean(channels, axis=-1, keepdims=True)
