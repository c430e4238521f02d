"""ResNet: published size, strides, names to freeze. tests/weights/test_backbones.py compares it with torchvision's."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.resnet import DEVIATION, MEAN, BasicBlock, ResNet, Stem


def test_sizes_and_strides():
    backbone = ResNet(18)
    levels = backbone(np.zeros([1, 64, 96, 3], np.uint8))
    assert [tuple(level.shape) for level in levels] == [(1, 64 // s, 96 // s, 16 * s) for s in (4, 8, 16, 32)]
    # torchvision's published number of parameters minus that of the classifier.
    assert sum(np.prod(weight.shape) for weight in backbone.trainable_weights) == 11_689_512 - 513_000


@pytest.mark.parametrize(("depth", "layers"), [(18, 2), (34, 2), (50, 3), (101, 3)])
def test_depths_are_those_of_the_names(depth, layers):
    blocks = sum(len(stage.blocks) for stage in ResNet(depth).stages)
    assert 1 + layers * blocks + 1 == depth  # the stem and the classifier count


def test_the_stem_normalises_pixels():
    stem = Stem(NormalizedConvolution)
    stem(np.zeros([1, 32, 32, 3], np.uint8))
    centre = np.zeros([7, 7, 3, 64], np.float32)
    centre[3, 3, 0, 0] = 1  # the first channel of the output is red
    stem.convolution.kernel.assign(centre)
    features = stem(np.full([1, 32, 32, 3], 255, np.uint8))
    np.testing.assert_allclose(features[0, ..., 0], (255 - MEAN[0]) / DEVIATION[0], rtol=1e-4)


def test_a_block_adds_its_input():
    block = BasicBlock(1, stride=1, project=False, convolution=NormalizedConvolution)
    block(np.zeros([1, 2, 2, 1], np.float32))
    block.convolution2.kernel.assign(tf.zeros_like(block.convolution2.kernel))
    features = np.array([1, 2, 0, 5], np.float32).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(block(features), features)


def test_only_the_kernels_of_a_frozen_block_are_trained():
    block = BasicBlock(2, stride=2, project=True, convolution=functools.partial(NormalizedConvolution, frozen=True))
    block(np.zeros([1, 2, 2, 1], np.float32))
    assert [weight.name for weight in block.trainable_weights] == ["kernel"] * 3


def test_a_stage_can_be_frozen_by_its_name():
    backbone = ResNet(18)
    image = np.random.default_rng(0).integers(0, 256, [1, 32, 32, 3], np.uint8)
    backbone(image)
    backbone.stem.trainable = False
    backbone.stage1.trainable = False
    backbone(image, training=True)
    moved = {weight.path for weight in backbone.weights if weight.name == "moving_mean" and np.any(weight.numpy())}
    assert {path.split("/")[1] for path in moved} == {"stage2", "stage3", "stage4"}
    assert not any("stem" in weight.path or "stage1" in weight.path for weight in backbone.trainable_weights)


def test_the_epsilon_reaches_every_normalisation():
    backbone = ResNet(18, epsilon=0.0)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    layers = [layer for layer in backbone._flatten_layers() if isinstance(layer, BatchNormalization)]
    assert len(layers) == 20
    assert {layer.epsilon for layer in layers} == {0.0}
