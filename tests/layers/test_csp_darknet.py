"""The backbone of YOLOX: the order of its input channels, pooling, shortcuts, sizes."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.csp_darknet import Bottleneck, CspDarknet, Focus, SpatialPyramidPooling, pixels_to_channels


def test_pixels_go_to_channels_down_first_then_right():
    image = tf.constant([[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]], tf.uint8)
    np.testing.assert_array_equal(pixels_to_channels(image)[0, 0, 0], [1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12])


def test_pixels_to_channels_keeps_every_cell_in_place():
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    patches = [image[:, down::2, right::2] for right in (0, 1) for down in (0, 1)]
    np.testing.assert_array_equal(pixels_to_channels(image), np.concatenate(patches, axis=-1))


def test_the_stem_gets_blue_green_red_from_0_to_255():
    focus = Focus(12)
    image = tf.constant([[[[250, 20, 3]] * 2] * 2], tf.uint8)
    focus(image)
    seen = []
    focus.block.call = lambda inputs, training: seen.append(inputs) or inputs
    focus(image)
    np.testing.assert_array_equal(seen[0][0, 0, 0], [3, 20, 250] * 4)
    assert seen[0].dtype == tf.float32


@pytest.mark.parametrize("training", [False, True])
def test_the_stem_of_an_export_is_one_convolution_with_the_same_result(training):
    image = np.random.default_rng(0).integers(0, 256, (2, 10, 14, 3)).astype(np.uint8)
    local, exported = Focus(5), Focus(5, runtime="portable")
    for layer in (local, exported):
        layer(image)
    exported.set_weights(local.get_weights())
    expected = local(image, training=training)
    np.testing.assert_allclose(exported(image, training=training), expected, rtol=1e-4, atol=1e-4)


def test_pooling_is_over_5_9_and_13_pixels():
    layer = SpatialPyramidPooling(8)
    features = tf.constant(np.random.default_rng(0).normal(size=(1, 15, 15, 4)), tf.float32)
    layer(features)
    layer.reduce.call = lambda inputs, training: inputs
    joined = []
    layer.merge.call = lambda inputs, training: joined.append(inputs) or inputs
    layer(features)
    expected = [features] + [tf.nn.max_pool2d(features, size, 1, "SAME") for size in (5, 9, 13)]
    np.testing.assert_array_equal(joined[0], tf.concat(expected, axis=-1))


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_bottleneck_adds_its_input_where_it_has_a_shortcut(shortcut):
    bottleneck = Bottleneck(4, shortcut, separable=False)
    features = tf.ones([1, 4, 4, 4])
    bottleneck(features)
    bottleneck.spatial.call = lambda inputs, training: tf.zeros_like(inputs)
    np.testing.assert_array_equal(bottleneck(features), features if shortcut else tf.zeros_like(features))


@pytest.mark.parametrize("separable", [False, True])
def test_features_have_strides_8_16_and_32(separable):
    levels = CspDarknet(4, 1, separable)(tf.zeros([2, 64, 96, 3], tf.uint8))
    assert [tuple(level.shape) for level in levels] == [(2, 8, 12, 16), (2, 4, 6, 32), (2, 2, 3, 64)]
