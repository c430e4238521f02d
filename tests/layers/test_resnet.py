"""ResNet: sizes as published, strides, names to freeze. `tests/weights/test_backbones.py` holds it to torchvision's."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.resnet import DEVIATION, MEAN, BasicBlock, ResNet, Stem


# torchvision's published numbers (11,689,512, 21,797,672 and so on) less those of the classifier
@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_689_512 - 513_000), (34, 21_797_672 - 513_000)])
def test_basic_blocks(depth, parameters):
    backbone = ResNet(depth)
    levels = backbone(np.zeros([1, 64, 96, 3], np.uint8))
    assert [tuple(level.shape) for level in levels] == [(1, 64 // s, 96 // s, 16 * s) for s in (4, 8, 16, 32)]
    assert sum(np.prod(weight.shape) for weight in backbone.trainable_weights) == parameters


def test_bottlenecks():
    backbone = ResNet(50, frozen=True)
    levels = backbone(np.zeros([1, 32, 64, 3], np.uint8))
    assert [tuple(level.shape) for level in levels] == [(1, 32 // s, 64 // s, 64 * s) for s in (4, 8, 16, 32)]
    # 25,557,032 are published: less those of the classifier, here also less the 53,120 of frozen normalisations
    assert sum(np.prod(weight.shape) for weight in backbone.trainable_weights) == 25_557_032 - 2_049_000 - 53_120


def test_depth_101_has_33_blocks():
    assert [len(stage.blocks) for stage in ResNet(101).stages] == [3, 4, 23, 3]


def test_the_stem_normalises_pixels():
    stem = Stem(frozen=False)
    stem(np.zeros([1, 32, 32, 3], np.uint8))
    centre = np.zeros([7, 7, 3, 64], np.float32)
    centre[3, 3, 0, 0] = 1  # the first channel of the output is red
    stem.convolution.kernel.assign(centre)
    features = stem(np.full([1, 32, 32, 3], 255, np.uint8))
    np.testing.assert_allclose(features[0, ..., 0], (255 - MEAN[0]) / DEVIATION[0], rtol=1e-4)


def test_a_block_adds_its_input():
    block = BasicBlock(1, stride=1, project=False, frozen=False)
    block(np.zeros([1, 2, 2, 1], np.float32))
    block.convolution2.kernel.assign(tf.zeros_like(block.convolution2.kernel))
    features = np.array([1, 2, 0, 5], np.float32).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(block(features), features)


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
