"""EfficientNet: sizes worked by hand, stochastic depth, squeeze-and-excitation."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.efficientnet import (
    EfficientNet,
    Excitation,
    InvertedBottleneck,
    keep_or_drop,
    number_of_blocks,
    scaled_filters,
)

SMALL = {"width": 0.25, "depth": 0.3}


def test_numbers_of_channels():
    """Multiples of 8: 35.2 becomes 32; 10 becomes 16, since 8 is less than 90 % of it; 4 becomes 8, the least."""
    assert [scaled_filters(32, 1.1), scaled_filters(40, 0.25), scaled_filters(16, 0.25)] == [32, 16, 8]
    assert [scaled_filters(filters, 1.4) for filters in (16, 24, 40, 80, 112, 192, 320)] == [
        24, 32, 56, 112, 160, 272, 448,
    ]  # fmt: skip


def test_numbers_of_blocks():
    """Those of B0, B7 and Lite4, whose first and last stage are not scaled."""
    assert [number_of_blocks(stage, 1.0, lite=False) for stage in range(7)] == [1, 2, 2, 3, 3, 4, 1]
    assert [number_of_blocks(stage, 3.1, lite=False) for stage in range(7)] == [4, 7, 7, 10, 10, 13, 4]
    assert [number_of_blocks(stage, 1.8, lite=True) for stage in range(7)] == [1, 4, 4, 6, 6, 8, 1]


@pytest.mark.parametrize("lite", [False, True])
def test_features_of_three_strides_rounded_up(lite):
    backbone = EfficientNet(**SMALL, lite=lite, stochastic=False)
    levels = backbone(np.zeros([2, 64, 100, 3], np.uint8))
    assert [tuple(level.shape) for level in levels] == [(2, 8, 13, 16), (2, 4, 7, 32), (2, 2, 4, 80)]


def test_lite_has_a_whole_stem_and_no_excitation():
    lite, full = (EfficientNet(**SMALL, lite=lite, stochastic=False) for lite in (True, False))
    assert (lite.stem.filters, full.stem.filters) == (32, 8)
    assert all(block.excite is None for block in lite.blocks)
    assert [block.excite.filters for block in full.blocks[:2]] == [2, 2]  # a quarter of the 8 channels of the input


def test_pixels_are_normalised():
    """The mean colour of ImageNet becomes zeros, which a stem without offset keeps."""
    backbone = EfficientNet(**SMALL, lite=True, stochastic=False)
    grey = backbone(np.full([1, 32, 32, 3], 127, np.uint8))
    assert all(not np.any(level.numpy()) for level in grey)


def test_excitation_by_hand():
    layer, inputs = Excitation(1), np.float32([[[[1, 10]], [[3, 30]]]])  # means 2 and 20
    layer(inputs)
    layer.squeeze.assign([[0.5], [0.1]])
    layer.squeeze_bias.assign([-1])  # 0.5 * 2 + 0.1 * 20 - 1 = 2
    layer.excite.assign([[0, 1]])
    layer.excite_bias.assign([np.log(3), 0])
    excited = 1 / (1 + np.exp(-2 / (1 + np.exp(-2))))
    np.testing.assert_allclose(layer(inputs), inputs * [0.75, excited], rtol=1e-6)


def test_a_block_keeps_its_input_where_its_shape_stays():
    same = InvertedBottleneck(8, 8, 6, False, kernel_size=3, stride=1)
    inputs = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype(np.float32)
    without = same(inputs, tf.zeros([2, 1, 1, 1]))
    np.testing.assert_array_equal(without, inputs)
    np.testing.assert_allclose(
        same(inputs, tf.fill([2, 1, 1, 1], 2.0)) - inputs, 2 * (same(inputs) - inputs), atol=1e-5
    )
    assert not InvertedBottleneck(8, 16, 6, False, kernel_size=3, stride=1).has_shortcut
    assert not InvertedBottleneck(8, 8, 6, False, kernel_size=3, stride=2).has_shortcut


def test_draws_below_the_share_drop_an_image():
    np.testing.assert_allclose(keep_or_drop(tf.constant([0.0, 0.19, 0.2, 0.99]), 0.2), [0, 0, 1.25, 1.25])


def test_later_blocks_are_left_out_more_often():
    backbone = EfficientNet(1.0, 1.0, lite=False, stochastic=True)
    np.testing.assert_allclose(backbone.drops, [0.2 * index / 16 for index in range(16)])
    assert not any(EfficientNet(1.0, 1.0, lite=False, stochastic=False).drops)


def test_stochastic_depth_depends_on_the_seed_alone():
    backbone = EfficientNet(0.25, 2.0, lite=True, stochastic=True)
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
    one, again, other = (
        backbone(images, training=True, seed=tf.constant(seed))[-1] for seed in ([0, 1], [0, 1], [0, 2])
    )
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)
    np.testing.assert_array_equal(backbone(images)[-1], backbone(images, seed=tf.constant([0, 3]))[-1])
