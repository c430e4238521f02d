"""ResNet-vd: sizes, strides, and what differs from ResNet."""

import numpy as np
import pytest

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.resnet_vd import DeepStem, PooledConvolution, ResNetVD

STEM = 32 * 3 * 9 + 32 * 32 * 9 + 64 * 32 * 9 + 2 * (32 + 32 + 64)  # three kernels, scales and offsets
OTHER_STEM = 64 * 3 * 49 + 2 * 64
PROJECTION = 64 * 64 + 2 * 64  # of the first stage


def test_sizes_and_strides():
    backbone = ResNetVD(18)
    levels = backbone(np.zeros([1, 64, 96, 3], np.uint8))
    assert [tuple(level.shape) for level in levels] == [(1, 64 // s, 96 // s, 16 * s) for s in (4, 8, 16, 32)]
    count = sum(np.prod(weight.shape) for weight in backbone.trainable_weights)
    resnet18 = 11_689_512 - 513_000  # published, without the classifier
    assert count == resnet18 - OTHER_STEM + STEM + PROJECTION


@pytest.mark.parametrize("depth", [18, 50])
def test_the_first_block_of_every_stage_projects_its_input(depth):
    for stage in ResNetVD(depth).stages:
        first, *others = stage.blocks
        assert isinstance(first.projection, PooledConvolution) == (stage.name != "stage1")
        assert first.projection is not None
        assert all(block.projection is None for block in others)


def test_shortcuts_average_cells_by_hand():
    layer = PooledConvolution(1, 1, 2)
    features = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)  # 0 1 2 3 above 4 5 6 7
    layer(features)
    layer.convolution.kernel.assign(np.full([1, 1, 1, 1], 2))
    np.testing.assert_allclose(layer(features)[0, 0, :, 0], [5, 9], rtol=1e-4)  # twice the means 2.5 and 4.5


def test_the_stem_takes_pixels_as_parts_of_255():
    stem = DeepStem()
    white = np.full([1, 32, 32, 3], 255, np.uint8)
    stem(white)
    for convolution in stem.convolutions:
        kernel = np.zeros(convolution.kernel.shape, np.float32)
        kernel[1, 1, 0, 0] = 1  # the first channel is red, all the way
        convolution.kernel.assign(kernel)
    np.testing.assert_allclose(stem(white)[..., 0], np.ones([1, 8, 8]), rtol=1e-4)


def test_no_normalisation_of_a_frozen_backbone_is_trained():
    backbone = ResNetVD(18, frozen=True)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    assert {weight.name for weight in backbone.trainable_weights} == {"kernel"}
    layers = [layer for layer in backbone._flatten_layers() if isinstance(layer, BatchNormalization)]
    assert len(layers) == 3 + 2 * 8 + 4
