"""Encoding and decoding of boxes compared with numbers worked by hand, and with each other."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.anchors import points
from detect.ops.coding import (
    decode_deltas,
    decode_distances,
    decode_yolox,
    encode_deltas,
    encode_distances,
    encode_yolox,
)


def random_boxes(rng, *shape):
    centre, size = rng.uniform(0, 300, (*shape, 2)), rng.uniform(1, 200, (*shape, 2))
    return np.concatenate([centre - size / 2, centre + size / 2], axis=-1).astype(np.float32)


def test_deltas_by_hand():
    anchor, box = [[0.0, 0.0, 10.0, 20.0]], [[5.0, 10.0, 25.0, 30.0]]  # centres (5, 10), (15, 20)
    np.testing.assert_allclose(encode_deltas(anchor, box), [[1.0, 0.5, math.log(2), 0.0]], rtol=1e-6)
    weighted = encode_deltas(anchor, box, (10.0, 10.0, 5.0, 5.0))
    np.testing.assert_allclose(weighted, [[10.0, 5.0, 5 * math.log(2), 0.0]], rtol=1e-6)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_deltas_there_and_back(weights):
    anchors, boxes = random_boxes(np.random.default_rng(0), 2, 3000)
    deltas = encode_deltas(anchors, boxes, weights)
    np.testing.assert_allclose(decode_deltas(anchors, deltas, weights, clip=10.0), boxes, atol=1e-3)


def test_decoded_sizes_are_cut():
    box = decode_deltas([[0.0, 0.0, 16.0, 16.0]], [[0.0, 0.0, 50.0, 0.0]])
    np.testing.assert_allclose(box, [[8 - 500, 0, 8 + 500, 16]], rtol=1e-5)


def test_distances_by_hand_and_back():
    point, box = [[10.0, 20.0]], [[4.0, 22.0, 11.0, 30.0]]  # the point lies above the box
    np.testing.assert_array_equal(encode_distances(box, point, [2.0]), [[3, -1, 0.5, 5]])
    np.testing.assert_array_equal(decode_distances([[3.0, -1.0, 0.5, 5.0]], point, [2.0]), box)


def test_distances_there_and_back():
    rng = np.random.default_rng(3)
    places, boxes = rng.uniform(0, 300, (3000, 2)).astype(np.float32), random_boxes(rng, 3000)
    strides = rng.choice([8, 16, 32], 3000).astype(np.float32)
    np.testing.assert_allclose(
        decode_distances(encode_distances(boxes, places, strides), places, strides), boxes, atol=1e-4
    )


def test_yolox_by_hand():
    # Cell 1 of a 2 x 2 level of stride 8: the centre is (8 + 0.25 * 8, 0 + 0.5 * 8), the sides exp(0) * 8 and 2 * 8.
    corners, strides = points(16, 16, (8,), offset=0.0)
    raw = np.zeros((1, 4, 4), np.float32)
    raw[0, 1] = [0.25, 0.5, 0.0, math.log(2)]
    np.testing.assert_allclose(decode_yolox(raw, corners, strides)[0, 1], [6, -4, 14, 12], atol=1e-5)


def test_yolox_there_and_back():
    corners, strides = points(320, 320, (8, 16, 32), offset=0.0)
    boxes = random_boxes(np.random.default_rng(1), 2, 2100)
    np.testing.assert_allclose(decode_yolox(encode_yolox(boxes, corners, strides), corners, strides), boxes, atol=1e-3)


def test_wild_or_empty_boxes_stay_finite():
    corners, strides = points(8, 8, (8,), offset=0.0)
    raw = tf.constant([[[0.0, 0.0, 500.0, -500.0]]])
    with tf.GradientTape() as tape:
        tape.watch(raw)
        boxes = decode_yolox(raw, corners, strides)
    assert np.all(np.isfinite(boxes))
    assert np.all(np.isfinite(tape.gradient(boxes, raw)))
    empty = tf.zeros([1, 1, 4])
    assert np.all(np.isfinite(encode_yolox(empty, corners, strides)))
    assert np.all(np.isfinite(encode_deltas(empty, empty)))


def all_functions(boxes, places, strides):
    deltas = [function(boxes, boxes) for function in (encode_deltas, decode_deltas)]
    distances = [function(boxes, places, strides) for function in (encode_distances, decode_distances)]
    return [*deltas, *distances, encode_yolox(boxes, places, strides), decode_yolox(boxes / 300, places, strides)]


@pytest.mark.parametrize("xla", [False, True])
def test_in_a_graph_equal_to_eager(xla):
    arguments = (random_boxes(np.random.default_rng(2), 2, 20), *points(32, 40, (8,)))
    graph = tf.function(all_functions, jit_compile=xla)(*map(tf.constant, arguments))
    for eager, compiled in zip(all_functions(*arguments), graph, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-4)


def test_no_boxes():
    for values in all_functions(np.zeros((2, 0, 4), np.float32), *points(0, 0, (8,))):
        assert values.shape == (2, 0, 4)
