"""Deformable attention: where the points are, and what is found there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.attention import layer_normalization
from detect.layers.decoder_layer import DecoderLayer, Gate
from detect.layers.deformable_attention import DeformableAttention, initial_offsets

SIZES = [(4, 6), (2, 3)]
MEMORY = np.random.RandomState(0).normal(size=[2, 30, 8]).astype(np.float32)
QUERIES = np.random.RandomState(1).normal(size=[2, 5, 8]).astype(np.float32)
BOXES = np.tile(np.float32([0.5, 0.5, 0.4, 0.2]), [2, 5, 1])


def test_first_points_of_a_head_lie_in_one_direction():
    """Four heads look right, down, left and up; of three points, the last is at the edge of the box."""
    offsets = initial_offsets(4, (1, 3)).reshape(4, 4, 2)
    np.testing.assert_allclose(offsets[0], [[1, 0], [1, 0], [2, 0], [3, 0]], atol=1e-6)
    np.testing.assert_allclose(offsets[:, 0], [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-6)


def test_places_are_around_the_box():
    """A step of one of two points is a quarter of the box: half of it leads to the edge, in two steps."""
    attention = DeformableAttention(8, 2, (2, 1))
    attention(QUERIES, BOXES, MEMORY, sizes=SIZES)
    places = attention._places(tf.constant(QUERIES), tf.constant(BOXES))
    assert places.shape == (2, 5, 2, 3, 2)
    np.testing.assert_allclose(places[0, 0, 0], [[0.6, 0.5], [0.7, 0.5], [0.7, 0.5]], atol=1e-6)
    np.testing.assert_allclose(places[0, 0, 1], [[0.4, 0.5], [0.3, 0.5], [0.3, 0.5]], atol=1e-6)


@pytest.mark.parametrize("projected", [False, True])
def test_where_all_features_are_the_same_they_are_found(projected):
    attention = DeformableAttention(8, 2, (2, 1), projected=projected)
    same = np.tile(MEMORY[:, :1], [1, 30, 1])
    found = attention(QUERIES, BOXES, same, sizes=SIZES)
    expected = same[:, :5]
    if projected:
        expected = attention.projection(attention.memory_projection(expected))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_new_gate_halves_the_sum():
    gate = Gate(8, layer_normalization("normalization"))
    found = gate(QUERIES, QUERIES[::-1].copy())
    np.testing.assert_allclose(found, gate.normalization((QUERIES + QUERIES[::-1]) / 2), atol=1e-6)


@pytest.mark.parametrize("rms", [True, False])
@pytest.mark.parametrize("gated", [True, False])
def test_gradients_reach_all_of_a_layer(gated, rms):
    layer = DecoderLayer(8, 2, 16, (2, 1), gated, projected=not gated, rms=rms)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(QUERIES, QUERIES, BOXES, MEMORY, sizes=SIZES) ** 3)
    assert all(slope is not None for slope in tape.gradient(loss, layer.trainable_variables))


def test_places_are_float32_in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = DecoderLayer(8, 2, 16, (2, 1), gated=True)
    finally:
        keras.config.set_dtype_policy("float32")
    queries, memory = tf.cast(QUERIES, tf.bfloat16), tf.cast(MEMORY, tf.bfloat16)
    assert layer(queries, queries, BOXES, memory, sizes=SIZES).dtype == tf.bfloat16
    exact = BOXES + np.float32(1e-4)  # a difference that bfloat16 does not know
    change = layer.sampling._places(queries, tf.constant(exact)) - layer.sampling._places(queries, tf.constant(BOXES))
    assert change.dtype == tf.float32
    assert np.all(change > 5e-5)
