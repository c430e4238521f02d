"""The hybrid encoder: sizes, and what each level depends on. tests/weights compares it with a reference."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.hybrid_encoder import HybridEncoder

SHAPES = [(1, 8, 12, 6), (1, 4, 6, 7), (1, 2, 3, 8)]


def features(levels: int) -> list[tf.Tensor]:
    random = np.random.RandomState(0)
    return [tf.constant(random.normal(size=shape), tf.float32) for shape in SHAPES[-levels:]]


def encoder(levels: int, elan: bool) -> HybridEncoder:
    return HybridEncoder(levels, 8, heads=2, hidden=16, depth=0.34, expansion=0.5, elan=elan)


@pytest.mark.parametrize("elan", [True, False])
@pytest.mark.parametrize("levels", [2, 3])
def test_levels_keep_their_sizes(levels, elan):
    found = encoder(levels, elan)(features(levels), training=True)
    assert [tuple(level.shape) for level in found] == [(*shape[:3], 8) for shape in SHAPES[-levels:]]


def test_levels_may_be_added_where_they_meet():
    """A fusion block sees as many channels as a level has, instead of twice as many."""
    layer = HybridEncoder(2, 8, 2, 16, depth=0.34, expansion=0.5, elan=True, summed=True)
    found = layer(features(2))
    assert [tuple(level.shape) for level in found] == [(*shape[:3], 8) for shape in SHAPES[-2:]]
    assert layer.down_blocks[0].split.convolution.kernel.shape == (1, 1, 8, 16)


def test_every_level_depends_on_all():
    layer, inputs = encoder(3, True), features(3)
    layer(inputs)
    for level in range(3):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs)[level] ** 2)
        assert all(np.any(slope) for slope in tape.gradient(loss, inputs))
