"""The heads of both stages of a region-based detector: the order of their outputs."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.region_head import RegionHead
from detect.layers.region_proposals import RegionProposalHead


def test_proposals_come_cell_by_cell_anchor_by_anchor():
    head = RegionProposalHead(anchors=3, filters=8)
    features = tf.random.stateless_normal([2, 4, 5, 8], [0, 0])
    objectness, deltas = head(features)
    assert (objectness.shape, deltas.shape) == ((2, 60), (2, 60, 4))
    head.objectness.bias.assign([1, 2, 3])
    head.box_deltas.bias.assign(np.arange(12))
    objectness, deltas = head(tf.zeros_like(features))
    np.testing.assert_array_equal(objectness[0, :6], [1, 2, 3, 1, 2, 3])
    np.testing.assert_array_equal(deltas[0, :4], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [0, 1, 2, 3]])


@pytest.mark.parametrize("options", [{}, {"convolutions": 2, "hidden": (5,)}])
def test_regions_are_told_apart(options):
    """The predictions for a region depend on the features pooled from it, and on nothing else."""
    head = RegionHead(3, filters=6, **options)
    pooled = tf.random.stateless_normal([2, 4, 7, 7, 6], [0, 0])
    logits, deltas = head(pooled)
    assert (logits.shape, deltas.shape) == ((2, 4, 4), (2, 4, 3, 4))
    again = head(tf.reverse(pooled, [1]))
    np.testing.assert_allclose(again[0], tf.reverse(logits, [1]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again[1], tf.reverse(deltas, [1]), rtol=1e-4, atol=1e-6)


def test_deltas_come_class_by_class():
    head = RegionHead(2, hidden=(4, 4))
    head(tf.zeros([1, 1, 7, 7, 8]))
    head.class_deltas.bias.assign(np.arange(8))
    _, deltas = head(tf.zeros([1, 1, 7, 7, 8]))
    np.testing.assert_array_equal(deltas[0, 0], [[0, 1, 2, 3], [4, 5, 6, 7]])
