"""HGNetV2: sizes, parameters, and its parts by hand. tests/weights/test_ustc_dfine.py compares it with a reference."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.hgnet import SIZES, Affine, ConvolutionUnit, HGNetV2, Sizes, Stem

TINY = Sizes((4, 6), (2, 3, 4, 5), (6, 8, 10, 12), (1, 1, 2, 1), 2, True)


@pytest.mark.parametrize("levels", [2, 3])
def test_sizes_and_strides(levels):
    backbone = HGNetV2(TINY, levels)
    found = backbone(np.zeros([1, 64, 96, 3], np.uint8))
    every = [
        (1, 64 // stride, 96 // stride, filters) for stride, filters in zip((4, 8, 16, 32), TINY.filters, strict=True)
    ]
    assert [tuple(level.shape) for level in found] == every[-levels:]
    assert backbone.size is None


def test_a_published_size_is_known_by_its_name():
    assert HGNetV2("b0").size == "b0"
    assert all(HGNetV2(sizes).size == name for name, sizes in SIZES.items())


@pytest.mark.parametrize(("size", "filters", "blocks", "kernel"), [("atto", 256, 1, 3), ("pico", 512, 2, 5)])
def test_small_ones_end_with_the_third_stage(size, filters, blocks, kernel):
    backbone = HGNetV2(size, 1)
    (level,) = backbone(np.zeros([1, 32, 64, 3], np.uint8))
    assert level.shape == (1, 2, 4, filters)
    assert len(backbone.stage3.blocks) == blocks
    assert backbone.stage3.blocks[0].layers[0].depthwise.convolution.kernel.shape == (kernel, kernel, 64, 1)


def test_an_affine_map_has_two_numbers():
    affine = Affine()
    affine(np.zeros([1, 1], np.float32))
    affine.scale.assign([2])
    affine.offset.assign([-1])
    np.testing.assert_array_equal(affine(np.float32([[0, 3]])), [[-1, 5]])


def test_the_padding_of_the_stem_wins_where_features_are_negative():
    """An affine map makes all features -1, so that only the zeros below and on the right of them are larger."""
    stem = Stem(1 * 2, 1, functools.partial(ConvolutionUnit, affine=True))
    stem(np.zeros([1, 8, 8, 3], np.uint8))
    stem.first.affine.scale.assign([0])
    stem.first.affine.offset.assign([-1])
    seen = []
    stem.reduce.call = lambda features, training: seen.append(features) or tf.zeros([1, 2, 2, 2])
    stem(np.zeros([1, 8, 8, 3], np.uint8))
    pooled = seen[0][0, ..., 0]
    np.testing.assert_array_equal(pooled, np.pad(np.full([3, 3], -1), [[0, 1], [0, 1]]))


def test_later_blocks_of_a_stage_add_their_input():
    stage = HGNetV2(TINY).stage3
    features = np.random.RandomState(0).normal(size=[1, 4, 4, 8]).astype(np.float32)
    stage(features)
    first, second = stage.blocks
    for weight in (second.excite.affine.scale, second.excite.affine.offset):
        weight.assign([0])
    np.testing.assert_allclose(stage(features), first(stage.reduce(features)), rtol=1e-6)


def test_only_kernels_and_affine_maps_of_a_frozen_backbone_are_trained():
    backbone = HGNetV2(TINY, frozen=True)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    assert {weight.name for weight in backbone.trainable_weights} == {"kernel", "scale", "offset"}
