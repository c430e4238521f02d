"""Convolutions with "same" padding: their positions, and that folding the normalisation changes nothing."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.same_convolution import SameConvolution, SameDepthwiseConvolution, SeparableConvolution

RANDOM = np.random.default_rng(0)
PIXELS = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
CENTRE = np.zeros([3, 3, 1], np.float32)
CENTRE[1, 1] = 1


def noise(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def upset(normalization: BatchNormalization) -> None:
    """Set the statistics, scale and offset to other than the initial values."""
    channels = normalization.gamma.shape
    normalization.gamma.assign(RANDOM.uniform(0.5, 1.5, channels))
    normalization.beta.assign(RANDOM.normal(size=channels))
    normalization.moving_mean.assign(RANDOM.normal(size=channels))
    normalization.moving_variance.assign(RANDOM.uniform(0.5, 1.5, channels))


def normalised(features, normalization: BatchNormalization) -> np.ndarray:
    deviation = np.sqrt(normalization.moving_variance.numpy() + 1e-3)
    shares = (features - normalization.moving_mean.numpy()) / deviation
    return shares * normalization.gamma.numpy() + normalization.beta.numpy()


@pytest.mark.parametrize("kind", ["dense", "depthwise"])
def test_a_stride_of_two_centres_on_odd_pixels(kind):
    """An even side is padded behind: the centres of a kernel are the pixels 1 and 3, in PyTorch 0 and 2."""
    layer = SameConvolution(1, 3, 2) if kind == "dense" else SameDepthwiseConvolution(3, 2)
    layer(PIXELS)
    layer.kernel.assign(CENTRE[..., None] if kind == "dense" else CENTRE)
    expected = [[5, 7], [13, 15]] / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(layer(PIXELS)[0, ..., 0], expected, rtol=1e-6)


def test_an_odd_side_is_padded_on_both_ends():
    layer = SameDepthwiseConvolution(3, 2)
    layer(PIXELS[:, :3, :3])
    layer.kernel.assign(CENTRE)
    np.testing.assert_allclose(layer(PIXELS[:, :3, :3])[0, ..., 0], [[0, 2], [8, 10]] / np.sqrt(1 + 1e-3), rtol=1e-6)


@pytest.mark.parametrize("bias", [False, True])
def test_a_dense_convolution_with_fixed_statistics(bias):
    layer, inputs = SameConvolution(5, 3, bias=bias), noise(2, 6, 7, 4)
    layer(inputs)
    upset(layer.normalization)
    features = tf.nn.conv2d(inputs, layer.kernel, 1, "SAME")
    if bias:
        layer.bias.assign(noise(5))
        features += layer.bias
    np.testing.assert_allclose(layer(inputs), normalised(features, layer.normalization), rtol=1e-4, atol=1e-5)


def test_a_depthwise_convolution_with_fixed_statistics():
    layer, inputs = SameDepthwiseConvolution(5, 2), noise(2, 6, 7, 4)
    layer(inputs)
    upset(layer.normalization)
    features = tf.nn.depthwise_conv2d(inputs, layer.kernel[..., None], [1, 2, 2, 1], "SAME")
    np.testing.assert_allclose(layer(inputs), normalised(features, layer.normalization), rtol=1e-4, atol=1e-5)


def test_training_normalises_by_the_batch_whatever_the_bias():
    layer, inputs = SameConvolution(3, bias=True), noise(4, 5, 5, 6)
    outputs = layer(inputs, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.var(axis=(0, 1, 2)), 1, rtol=1e-2)
    layer.bias.assign([1, -2, 3])
    np.testing.assert_allclose(layer(inputs, training=True), outputs, atol=1e-5)
    assert np.any(layer.normalization.moving_mean.numpy() != 0)


def test_a_separable_convolution_shared_by_two_normalisations():
    layer, inputs = SeparableConvolution(5, "glorot_uniform"), noise(2, 6, 7, 4)
    normalizations = BatchNormalization(), BatchNormalization()
    for normalization in normalizations:
        normalization.build((None, None, None, 5))
        upset(normalization)
    layer(inputs)
    layer.bias.assign(noise(5))
    kernels = layer.depthwise_kernel[..., None], layer.pointwise_kernel
    features = tf.nn.separable_conv2d(inputs, *kernels, [1, 1, 1, 1], "SAME") + layer.bias
    np.testing.assert_allclose(layer(inputs), features, rtol=1e-4, atol=1e-5)
    for normalization in normalizations:
        outputs = layer(inputs, normalization=normalization)
        np.testing.assert_allclose(outputs, normalised(features, normalization), rtol=1e-4, atol=1e-5)


def test_a_separable_convolution_starts_as_kerass_does():
    """The fan-in of its depthwise kernel counts all channels: a variance of 1 / (9 * 200)."""
    layer = SeparableConvolution(300, "variance_scaling")
    layer(noise(1, 1, 1, 200))
    assert layer.depthwise_kernel.shape == (3, 3, 200)
    assert float(tf.math.reduce_std(layer.depthwise_kernel)) == pytest.approx((9 * 200) ** -0.5, rel=0.1)
    assert float(tf.math.reduce_std(layer.pointwise_kernel)) == pytest.approx(200**-0.5, rel=0.1)
