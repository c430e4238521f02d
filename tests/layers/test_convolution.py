"""Convolution blocks: padding by hand, bounds of initial values."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.convolution import (
    ConvolutionBlock,
    DepthwiseBlock,
    SeparableBlock,
    fan_in_uniform,
    pad,
    prior_bias,
)


def test_a_strided_block_pads_all_four_sides():
    """Sums over 3 x 3 around (0, 0), (0, 2), (2, 0) and (2, 2) of 4 x 4 pixels; Keras' "same" starts at (1, 1)."""
    block = ConvolutionBlock(1, 3, stride=2)
    image = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    block(image)
    block.convolution.kernel.assign(tf.ones([3, 3, 1, 1]))
    sums = np.array([[0 + 1 + 4 + 5, 1 + 2 + 3 + 5 + 6 + 7], [4 + 5 + 8 + 9 + 12 + 13, 90]])
    normalised = sums / math.sqrt(1 + 1e-3)  # moving statistics start at 0 and 1
    np.testing.assert_allclose(block(image)[0, ..., 0], normalised / (1 + np.exp(-normalised)), rtol=1e-5)


def test_a_depthwise_block_keeps_channels_apart_and_pads_alike():
    block = DepthwiseBlock(3, stride=2)
    image = tf.stack([tf.reshape(tf.range(16.0), [1, 4, 4]), tf.zeros([1, 4, 4])], axis=-1)
    block(image)
    block.convolution.kernel.assign(tf.ones([3, 3, 2, 1]))
    outputs = block(image)
    assert outputs.shape == (1, 2, 2, 2)
    np.testing.assert_allclose(outputs[0, 0, 0], [10 / math.sqrt(1.001), 0], rtol=1e-3)  # silu(10) is nearly 10


@pytest.mark.parametrize("kind", [ConvolutionBlock, SeparableBlock])
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_divide_the_size_by_the_stride(kind, stride):
    outputs = kind(6, 3, stride)(tf.ones([2, 8, 12, 4]), training=True)
    assert outputs.shape == (2, 8 // stride, 12 // stride, 6)


def test_kernels_start_within_one_over_the_root_of_the_fan_in():
    block = SeparableBlock(64, 3)
    block(tf.zeros([1, 4, 4, 16]))
    for kernel, fan_in in ((block.depthwise.convolution.kernel, 9), (block.pointwise.convolution.kernel, 16)):
        largest = np.abs(kernel).max()
        assert 0.9 * fan_in**-0.5 < largest <= fan_in**-0.5


def test_fan_in_uniform_counts_the_area_of_the_kernel():
    kernel = fan_in_uniform()((3, 3, 4, 200))
    assert 0.99 / 6 < np.abs(kernel).max() <= 1 / 6


def test_the_prior_bias_is_the_logit_of_the_prior():
    bias = prior_bias(0.01)((2,))
    np.testing.assert_allclose(tf.sigmoid(bias), [0.01, 0.01], rtol=1e-5)


def test_no_padding_is_no_operation():
    image = tf.ones([1, 2, 2, 1])
    assert pad(image, 0) is image
    np.testing.assert_array_equal(pad(image, 1)[0, ..., 0], [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
