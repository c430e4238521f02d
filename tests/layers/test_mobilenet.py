"""MobileNetV3-Large: its table, its parts by hand. tests/weights/test_backbones.py compares it with torchvision's."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.mobilenet import (
    InvertedResidual,
    MobileNetV3Large,
    Row,
    SqueezeExcitation,
    divisible,
    scaled_stages,
)


@pytest.fixture(scope="module")
def backbone() -> MobileNetV3Large:
    backbone = MobileNetV3Large(width=0.25, reduced_tail=True)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    return backbone


@pytest.mark.parametrize(("side", "side16", "side32"), [(64, 4, 2), (65, 5, 3), (320, 20, 10)])
def test_features_have_their_strides_rounded_up(backbone, side, side16, side32):
    expanded, first, last = backbone(np.zeros([1, side, 64, 3], np.uint8))
    assert expanded.shape == (1, side16, 4, 168)  # a quarter of 672
    assert first.shape == (1, side32, 2, 24)  # a quarter of 80 is 20, rounded up to a multiple of 8
    assert last.shape == (1, side32, 2, 144)  # six times as many


def test_there_are_fifteen_blocks_and_five_halvings():
    rows = [row for stage in scaled_stages(1.0, reduced_tail=False) for row in stage]
    assert len(rows) == 15
    assert [row.stride for row in rows].count(2) == 4  # the stem is the fifth
    assert sum(row.squeeze for row in rows) == 8
    assert (rows[-1].expanded, rows[-1].filters) == (960, 160)


def test_the_reduced_tail_has_half_the_channels():
    rows = [row for stage in scaled_stages(1.0, reduced_tail=True) for row in stage]
    assert [(row.expanded, row.filters) for row in rows[-4:]] == [(672, 112), (672, 80), (480, 80), (480, 80)]


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(16, 16), (17, 16), (20, 24), (4, 8), (36, 40), (10, 16), (43, 40), (44, 48)],  # 8 would be a fifth less than 10
)
def test_channels_are_multiples_of_eight(channels, rounded):
    assert divisible(channels) == rounded


def test_squeeze_and_excitation_by_hand():
    layer = SqueezeExcitation(1)
    inputs = tf.constant([[[[1.0, 2.0]], [[3.0, -6.0]]]])  # means 2 and -2
    layer(inputs)
    layer.reduce.kernel.assign([[[[1.0], [0.5]]]])  # 2 - 1 = 1
    layer.restore.kernel.assign([[[[1.5, -9.0]]]])
    factors = np.array([4.5 / 6, 0])  # of the hard sigmoids of 1.5 and -9
    np.testing.assert_allclose(layer(inputs), inputs * factors, atol=1e-6)


@pytest.mark.parametrize(("stride", "filters", "around"), [(1, 8, True), (2, 8, False), (1, 16, False)])
def test_the_input_is_added_where_shapes_agree(stride, filters, around):
    block = InvertedResidual(Row(3, 16, filters, True, "relu", stride), 8, {})
    inputs = tf.random.stateless_normal([1, 4, 4, 8], (0, 1))
    block(inputs)
    block.project.kernel.assign(tf.zeros_like(block.project.kernel))
    found = block(inputs)
    np.testing.assert_array_equal(found, inputs if around else tf.zeros_like(found))


def test_frozen_normalisations_are_not_trained():
    backbone = MobileNetV3Large(width=0.25, frozen=True)
    backbone(np.zeros([1, 32, 32, 3], np.uint8), training=True)
    assert not [weight.path for weight in backbone.trainable_weights if "normalization" in weight.path]
