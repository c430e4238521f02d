"""Batch normalisation by the statistics of the images of all replicas, as if one device had the whole batch.

Each replica computes the moments of its part by the fused kernel; one sum over replicas joins them, and one more in the
backward pass joins the two sums over images that the gradient of a normalisation has (arXiv 1502.03167, section 3).
"""

import tensorflow as tf

from detect.ops.replicas import replica_count, sum_over_replicas


def normalized_over_replicas(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return normalised features [B, H, W, C], and the mean and unbiased variance of all replicas, float32 [C].

    Called in a replica; every replica has inputs of the same shape. The moments are constants for gradients.

    Args:
        inputs: features [B, H, W, C].
        gamma: scale, float32 [C].
        beta: offset, float32 [C].
        epsilon: added to the variance.
    """
    size = tf.cast(tf.size(inputs) // inputs.shape[-1] * replica_count(), tf.float32)  # features of a channel
    mean, variance = map(tf.stop_gradient, _moments(inputs))

    @tf.custom_gradient
    def normalized(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):
        fixed = {"epsilon": epsilon, "is_training": False}
        outputs = tf.raw_ops.FusedBatchNormV3(x=inputs, scale=gamma, offset=beta, mean=mean, variance=variance, **fixed)

        def gradients(of_outputs: tf.Tensor):
            of_inputs, of_gamma, of_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=of_outputs,
                x=inputs,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=outputs.reserve_space_3,
                **fixed,
            )
            # The statistics depend on the inputs too: x - (scale * normalised x + offset).
            scale, offset = tf.unstack(gamma * sum_over_replicas(tf.stack([of_gamma, of_beta])) / size)
            deviation = tf.math.rsqrt(variance + epsilon)
            by_statistics = tf.raw_ops.FusedBatchNormV3(
                x=inputs, scale=scale * deviation, offset=offset * deviation, mean=mean, variance=variance, **fixed
            )
            return of_inputs - by_statistics.y, of_gamma, of_beta

        return outputs.y, gradients

    return normalized(inputs, gamma, beta), mean, variance * size / tf.maximum(size - 1, 1)


def _moments(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean and the biased variance of the inputs of all replicas, float32 [C] each."""
    size = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
    ones = tf.ones([inputs.shape[-1]])
    _, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(  # its features are not used: reductions take longer
        x=inputs, scale=ones, offset=ones, mean=ones, variance=ones, exponential_avg_factor=1.0, is_training=True
    )
    # In float64, because the variance of features with a large mean would be lost in their squares.
    mean, variance = (tf.cast(each, tf.float64) for each in (mean, unbiased * tf.maximum(size - 1, 1) / size))
    mean, square = tf.unstack(sum_over_replicas(tf.stack([mean, variance + mean**2])) / replica_count())
    return tf.cast(mean, tf.float32), tf.cast(tf.maximum(square - mean**2, 0), tf.float32)
