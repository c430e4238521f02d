"""Costs and results of set matching compared with numbers worked by hand and with plain loops."""

import math

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.set_matching import (
    boxes_of_queries,
    corners_of,
    in_ignored_regions,
    late_matching_costs,
    matching_costs,
    matching_union,
)

# Centre, width and height: the left half of an image, its right half, and all of it.
LEFT, RIGHT, ALL = [0.25, 0.5, 0.5, 1], [0.75, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]


@pytest.fixture(autouse=True)
def one_by_one(request):
    """Compile operations only for the comparisons with loops: it takes long."""
    if "loop" in request.node.name:
        yield
        return
    with uncompiled():
        yield


def test_costs_by_hand():
    """Scores are 1/2: a yes costs 0.25 / 4 * log(2), a no 0.75 / 4 * log(2). L1 and GIoU are those of the halves."""
    of_class = 2 * (0.25 - 0.75) / 4 * math.log(2)
    costs = matching_costs(tf.zeros([1, 3, 2]), [[LEFT, RIGHT, ALL]], [[1, 0]], [[LEFT, ALL]])
    to_left = [of_class - 2 * 1, of_class + 5 * 0.5 - 2 * 0, of_class + 5 * 0.75 - 2 * 0.5]
    to_all = [of_class + 5 * 0.75 - 2 * 0.5, of_class + 5 * 0.75 - 2 * 0.5, of_class - 2 * 1]
    np.testing.assert_allclose(costs[0], np.transpose([to_left, to_all]), rtol=1e-5)


def test_late_costs_by_hand():
    logits = tf.constant([[[0.0, math.log(3)]] * 3])
    costs = late_matching_costs(logits, [[LEFT, RIGHT, ALL]], [[1, 0]], [[LEFT, ALL]], power=2.0)
    np.testing.assert_allclose(costs[0], [[-3 / 4, -1 / 8], [0, -1 / 8], [-3 / 16, -1 / 2]], atol=1e-6)


def random_case(rng, *leading):
    """Logits and boxes of 7 queries, and labels and boxes of 3 objects of the last of the leading dimensions."""
    logits, labels = rng.normal(0, 2, (*leading, 7, 4)), rng.integers(0, 4, (leading[-1], 3))
    boxes, true = rng.uniform(0.1, 0.5, (*leading, 7, 4)), rng.uniform(0.1, 0.5, (leading[-1], 3, 4))
    return np.float32(logits), np.float32(boxes), np.int32(labels), np.float32(true)


def one_cost(logits, box, label, true):
    score = 1 / (1 + math.exp(-logits[label]))
    yes, no = -0.25 * (1 - score) ** 2 * math.log(score), -0.75 * score**2 * math.log(1 - score)
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = (
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in (box, true)
    )
    overlap = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
    union = box[2] * box[3] + true[2] * true[3] - overlap
    enclosing = (max(ax2, bx2) - min(ax1, bx1)) * (max(ay2, by2) - min(ay1, by1))
    giou = overlap / union - (enclosing - union) / enclosing
    return 2 * (yes - no) + 5 * sum(abs(box - true)) - 2 * giou


def test_costs_of_several_layers_at_once_equal_a_loop():
    logits, boxes, labels, true = random_case(np.random.default_rng(0), 3, 2)
    costs = matching_costs(logits, boxes, labels, true)
    assert costs.shape == (3, 2, 7, 3)
    for layer, image, query, row in np.ndindex(3, 2, 7, 3):
        pair = logits[layer, image, query], boxes[layer, image, query], labels[image, row], true[image, row]
        np.testing.assert_allclose(costs[layer, image, query, row], one_cost(*pair), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", [matching_costs, late_matching_costs])
def test_padding_does_not_change_other_costs(function):
    logits, boxes, labels, true = random_case(np.random.default_rng(1), 1)
    costs = function(logits, boxes, labels[:, :2], true[:, :2])
    labels[0, 2], true[0, 2] = -1, 0
    padded = function(logits, boxes, labels, true)
    np.testing.assert_allclose(padded[..., :2], costs, rtol=1e-6)
    assert np.isfinite(padded).all()


@pytest.mark.parametrize("function", [matching_costs, late_matching_costs])
def test_no_gradient_flows(function):
    logits, boxes, labels, true = random_case(np.random.default_rng(2), 1)
    logits, boxes = tf.constant(logits), tf.constant(boxes)
    with tf.GradientTape() as tape:
        tape.watch([logits, boxes])
        costs = function(logits, boxes, labels, true)
    assert tape.gradient(costs, [logits, boxes]) == [None, None]


def test_no_boxes():
    logits, boxes, labels, true = random_case(np.random.default_rng(3), 2)
    assert matching_costs(logits, boxes, labels[:, :0], true[:, :0]).shape == (2, 7, 0)
    assert late_matching_costs(logits, boxes, labels[:, :0], true[:, :0]).shape == (2, 7, 0)
    np.testing.assert_array_equal(boxes_of_queries(tf.zeros([2, 0], tf.int32), 3), [[-1] * 3] * 2)
    nothing = np.zeros([2, 0], bool)
    assert not np.any(in_ignored_regions(boxes, true[:, :0], nothing, nothing))


def test_a_box_of_negative_sides_is_empty():
    np.testing.assert_allclose(corners_of([[0.5, 0.5, -0.2, 0.2]]), [[0.5, 0.4, 0.5, 0.6]])


def test_boxes_of_queries_by_hand():
    # Of five queries, query 3 has box 0 and query 0 box 2; box 1 has none. The second image has no boxes.
    found = boxes_of_queries([[3, -1, 0], [-1, -1, -1]], 5)
    np.testing.assert_array_equal(found, [[2, -1, -1, 0, -1], [-1] * 5])


def test_union_by_hand():
    layers = [
        [[0, 1, -1, 2, -1]],
        [[0, 2, -1, 1, -1]],
        [[1, 2, 0, -1, -1]],
    ]
    # Query 1 is matched to box 2 twice; query 3 to boxes 2 and 1 once each, of which 1 is the first; query 4 never.
    np.testing.assert_array_equal(matching_union(layers), [[0, 2, 0, 1, -1]])


def test_union_equals_a_loop():
    layers = np.random.default_rng(4).integers(-1, 4, (5, 3, 50))
    union = matching_union(layers).numpy()
    for image, query in np.ndindex(3, 50):
        votes = [list(layers[:, image, query]).count(box) for box in range(4)]
        assert union[image, query] == (votes.index(max(votes)) if max(votes) else -1)


def test_union_of_one_layer_is_that_layer():
    layer = np.random.default_rng(5).integers(-1, 4, (3, 20))
    np.testing.assert_array_equal(matching_union(layer[None]), layer)


def test_ignored_regions_by_hand():
    """The left half is ignored; there is an object in its upper quarter, from 0 to 0.5 in x, from 0 to 0.25 in y."""
    queries = [
        [0.25, 0.8, 0.2, 0.2],  # within the region
        [0.5, 0.8, 0.2, 0.2],  # half of it: not more
        [0.48, 0.8, 0.2, 0.2],  # three fifths of it
        [0.75, 0.8, 0.2, 0.2],  # elsewhere
        [0.25, 0.1, 0.2, 0.1],  # within the object, and so in both
        [0.25, 0.25, 0.2, 0.2],  # half of it in the object, all in the region
        [0.25, 0.5, 0.0, 0.0],  # empty
    ]
    true = [[LEFT, [0.25, 0.125, 0.5, 0.25]]]
    marks = in_ignored_regions([queries], true, [[False, True]], [[True, False]])
    np.testing.assert_array_equal(marks, [[True, False, True, False, False, True, False]])
