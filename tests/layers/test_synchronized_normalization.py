"""Batch normalisation over replicas: outputs, gradients and statistics are those of one device with the whole batch."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization


def results(strategy, parts: list[np.ndarray], weights: list[np.ndarray], synchronized: bool) -> list[np.ndarray]:
    """Return outputs, gradients of the inputs, of gamma and of beta, and the moving statistics of a layer.

    Args:
        strategy: that has as many replicas as there are parts.
        parts: inputs of each replica.
        weights: of the outputs of each replica in its loss.
        synchronized: as of the layer.
    """
    with strategy.scope():
        layer = BatchNormalization(epsilon=1e-3, momentum=0.9)
        layer.build((None, None, None, parts[0].shape[-1]))
        layer.synchronized = synchronized
        for weight, value in zip(layer.weights, (1.5, -0.5, 2.0, 1.0), strict=True):
            weight.assign(np.full(weight.shape, value))

    def step(inputs, weights):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
        of_inputs, *others = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        moving = [tf.identity(layer.moving_mean.value), tf.identity(layer.moving_variance.value)]
        return outputs, of_inputs, *others, *moving

    @tf.function(autograph=False)
    def run(inputs, weights):
        return strategy.run(step, args=(inputs, weights))

    def distributed(arrays):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(arrays[context.replica_id_in_sync_group])
        )

    several = len(parts) > 1
    arguments = map(distributed, (parts, weights)) if several else map(tf.constant, (parts[0], weights[0]))
    outputs, of_inputs, of_gamma, of_beta, *moving = (strategy.experimental_local_results(x) for x in run(*arguments))
    joined = [np.concatenate([np.asarray(part, np.float32) for part in each]) for each in (outputs, of_inputs)]
    summed = [np.sum([np.asarray(part) for part in each], axis=0) for each in (of_gamma, of_beta)]
    for each in moving if synchronized else ():
        np.testing.assert_array_equal(each[0], each[-1])  # all replicas keep the same
    return [*joined, *summed, *(np.asarray(each[0]) for each in moving)]


@pytest.mark.parametrize("offset", [3, 1000])
def test_two_replicas_normalise_like_one_with_the_whole_batch(offset, two_replicas):
    rng = np.random.default_rng(0)
    inputs = rng.normal(offset, 2, (4, 3, 5, 6)).astype(np.float32)
    inputs[2:] += 3  # the parts have other means
    weights = rng.normal(size=inputs.shape).astype(np.float32)
    whole = results(tf.distribute.get_strategy(), [inputs], [weights], False)
    parts = (np.split(inputs, 2), np.split(weights, 2))
    apart = results(two_replicas, *parts, synchronized=False)
    together = results(two_replicas, *parts, synchronized=True)
    for name, one, two in zip(("outputs", "inputs", "gamma", "beta", "mean", "variance"), whole, together, strict=True):
        np.testing.assert_allclose(two, one, rtol=2e-5, atol=2e-5 if offset < 10 else 2e-3, err_msg=name)
    assert np.abs(apart[0] - whole[0]).max() > 0.1


def test_half_precision_keeps_statistics_in_float32(two_replicas):
    inputs = np.random.default_rng(0).normal(3, 2, (4, 2, 2, 3)).astype(np.float32)
    parts = [tf.cast(part, tf.bfloat16).numpy() for part in np.split(inputs, 2)]
    rounded = np.concatenate(parts).astype(np.float32)
    found = results(two_replicas, parts, np.split(np.ones_like(inputs), 2), True)
    mean, variance = rounded.mean((0, 1, 2)), rounded.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(found[4], 0.9 * 2 + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(found[5], 0.9 + 0.1 * variance, rtol=1e-5)
