"""Depthwise convolution and its gradients compared with plain sums, for all paddings, strides and parities of sides."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.depthwise import DepthwiseConvolution, depthwise_convolution
from detect.layers.normalized_convolution import NormalizedDepthwise

CASES = [
    (size, stride, sides, centred)
    for size in (1, 3, 5)
    for stride in (1, 2)
    for sides in ((6, 8), (7, 5), (8, 5), (2, 1))
    for centred in (True, False)
]


def padding(side: int, size: int, stride: int, centred: bool) -> int:
    """Return the number of zeros before a side."""
    if centred:
        return (size - 1) // 2
    return max((-(-side // stride) - 1) * stride + size - side, 0) // 2


def taps(shape, size, stride, centred):
    """Yield, for every product, the row and column of the output, of the kernel and of the input."""
    before = [padding(side, size, stride, centred) for side in shape]
    for y in range(-(-shape[0] // stride)):
        for x in range(-(-shape[1] // stride)):
            for i in range(size):
                for j in range(size):
                    row, column = y * stride + i - before[0], x * stride + j - before[1]
                    if 0 <= row < shape[0] and 0 <= column < shape[1]:
                        yield (y, x), (i, j), (row, column)


@pytest.mark.parametrize(("size", "stride", "sides", "centred"), CASES)
def test_values_and_gradients_are_plain_sums(size, stride, sides, centred):
    random = np.random.default_rng(0)
    inputs = random.standard_normal((2, *sides, 3)).astype(np.float32)
    kernel = random.standard_normal((size, size, 3, 1)).astype(np.float32)
    outputs = np.zeros((2, *(-(-side // stride) for side in sides), 3), np.float32)
    upstream = random.standard_normal(outputs.shape).astype(np.float32)
    by_inputs, by_kernel = np.zeros_like(inputs), np.zeros_like(kernel)
    for (y, x), (i, j), (row, column) in taps(sides, size, stride, centred):
        outputs[:, y, x] += inputs[:, row, column] * kernel[i, j, :, 0]
        by_inputs[:, row, column] += upstream[:, y, x] * kernel[i, j, :, 0]
        by_kernel[i, j, :, 0] += (upstream[:, y, x] * inputs[:, row, column]).sum(axis=0)

    values = tf.constant(inputs), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = depthwise_convolution(*values, stride, centred)
    np.testing.assert_allclose(found, outputs, atol=1e-5)
    for gradient, expected in zip(tape.gradient(found, values, upstream), (by_inputs, by_kernel), strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("xla", [False, True])
def test_graphs_agree_with_eager_execution(stride, xla):
    layer = DepthwiseConvolution(5, stride)
    inputs = tf.random.stateless_normal([2, 6, 7, 4], (0, 1))

    def run(inputs):
        with tf.GradientTape() as tape:
            outputs = layer(inputs)
        return outputs, tape.gradient(outputs, layer.kernel)

    eager = run(inputs)
    for value, expected in zip(tf.function(run, jit_compile=xla)(inputs), eager, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-4)


def test_bfloat16_features_keep_a_kernel_of_float32():
    kernel = tf.Variable(tf.random.stateless_normal([5, 5, 3, 1], (0, 1)))
    inputs = tf.cast(tf.random.stateless_normal([1, 6, 6, 3], (0, 2)), tf.bfloat16)
    with tf.GradientTape() as tape:
        outputs = depthwise_convolution(inputs, kernel, 2)
    assert outputs.dtype == tf.bfloat16
    assert tape.gradient(outputs, kernel).dtype == tf.float32
    exact = depthwise_convolution(tf.cast(inputs, tf.float32), kernel, 2)
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), exact, atol=0.2)


def test_the_layer_has_the_initial_kernel_that_is_given():
    layer = DepthwiseConvolution(3, initializer="ones")
    assert float(layer(tf.ones([1, 3, 3, 2]))[0, 1, 1, 0]) == 9  # all taps are within the features
    assert float(layer(tf.ones([1, 3, 3, 2]))[0, 0, 0, 0]) == 4  # five taps are beyond the corner
    assert [weight.path for weight in layer.weights] == [f"{layer.name}/kernel"]


def normalized(**options) -> tuple[NormalizedDepthwise, tf.Tensor]:
    """Return a layer with arbitrary statistics, and features."""
    layer, inputs = NormalizedDepthwise(3, 2, **options), tf.random.stateless_normal([2, 6, 6, 4], (0, 1))
    layer(inputs)
    for number, weight in enumerate(layer.normalization.weights):
        weight.assign(tf.random.stateless_uniform(weight.shape, (number, 2), 0.5, 1.5))
    return layer, inputs


@pytest.mark.parametrize("frozen", [False, True])
def test_folding_the_normalisation_changes_nothing(frozen):
    layer, inputs = normalized(epsilon=1e-3, frozen=frozen)
    expected = layer.normalization(depthwise_convolution(inputs, layer.kernel, 2), training=False)
    for training in (False, frozen):
        np.testing.assert_allclose(layer(inputs, training=training), expected, atol=1e-5)


def test_training_uses_the_statistics_of_the_batch():
    layer, inputs = normalized(momentum=0.5)
    plain = BatchNormalization(epsilon=1e-5, momentum=0.5)
    plain.build((2, 3, 3, 4))
    plain.set_weights(layer.normalization.get_weights())
    expected = plain(depthwise_convolution(inputs, layer.kernel, 2), training=True)
    np.testing.assert_allclose(layer(inputs, training=True), expected, atol=1e-5)
    np.testing.assert_allclose(layer.normalization.moving_variance, plain.moving_variance, rtol=1e-5)
