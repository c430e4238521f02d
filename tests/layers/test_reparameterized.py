"""Parallel convolutions: one convolution computes the same, in every precision and with any statistics."""

import numpy as np
import pytest

from detect.layers.normalized_convolution import NormalizedLayer
from detect.layers.reparameterized import RepBlock, RepElan, RepPartial, fusion_block
from detect.ops.activations import swish

FEATURES = np.random.RandomState(0).normal(size=[2, 5, 6, 4]).astype(np.float32)


def with_statistics(block: RepBlock) -> RepBlock:
    block(FEATURES)
    random = np.random.RandomState(1)
    for part in (block.spatial, block.pointwise):
        for weight in part.normalization.weights:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return block


def test_one_convolution_computes_both():
    block = with_statistics(RepBlock(4))
    expected = swish(block.spatial(FEATURES) + block.pointwise(FEATURES))
    np.testing.assert_allclose(block(FEATURES), expected, atol=1e-5)


def test_training_uses_the_statistics_of_the_batch():
    block = with_statistics(RepBlock(4))
    before = [weight.numpy() for weight in block.weights if "moving" in weight.name]
    assert np.abs(block(FEATURES, training=True) - block(FEATURES)).max() > 0.1
    after = [weight.numpy() for weight in block.weights if "moving" in weight.name]
    assert all(np.any(old != new) for old, new in zip(before, after, strict=True))


def test_a_frozen_block_is_one_convolution_in_training_too():
    block = with_statistics(RepBlock(4))
    for part in (block.spatial, block.pointwise):
        assert isinstance(part, NormalizedLayer)
        part.normalization.trainable = False
    np.testing.assert_array_equal(block(FEATURES, training=True), block(FEATURES))


@pytest.mark.parametrize(("elan", "kind"), [(True, RepElan), (False, RepPartial)])
def test_fusion_blocks_have_the_channels_of_a_level(elan, kind):
    block = fusion_block(8, depth=0.34, expansion=0.5, elan=elan, name="fusion")
    assert isinstance(block, kind)
    assert block(FEATURES).shape == (2, 5, 6, 8)


def test_numbers_of_blocks_and_channels_are_rounded_as_the_authors_do():
    """For D-FINE-N: round(0.34 * 128 // 2) = 21 channels, round(3 * 0.5) = 2 blocks; for S, round(3 * 0.34) = 1."""
    nano = fusion_block(128, depth=0.5, expansion=0.34, elan=True, name="nano")
    assert nano.partials[0].through.convolution.filters == 21
    assert [len(partial.blocks) for partial in nano.partials] == [2, 2]
    assert len(fusion_block(256, depth=0.34, expansion=0.5, elan=True, name="small").partials[0].blocks) == 1
