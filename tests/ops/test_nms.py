"""Non-maximum suppression: the kernel and the fixed point against a plain greedy loop."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops import nms
from detect.ops.boxes import iou as pairwise_iou
from detect.ops.nms import non_maximum_suppression

OPTIONS = {"iou": 0.5, "confidence": 0.1, "max_detections": 6, "candidates": 30}
A, NEARLY_A, OTHER = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0], [20.0, 0.0, 30.0, 10.0]


@pytest.fixture(params=["kernel", "fixed point"])
def both_ways(request, monkeypatch):
    """Runs a test once with each implementation, whatever the machine has."""
    monkeypatch.setattr(nms, "_on_accelerator", lambda: request.param == "fixed point")


def suppress(boxes, scores, **options):
    """Traced anew, so that the choice of implementation is made anew."""
    return tf.function(lambda: non_maximum_suppression(boxes, scores, **{**OPTIONS, **options}))()


def loop_suppress(boxes, scores, iou, confidence, max_detections, candidates):
    """Greedy suppression of one image: rows of (box, score, label)."""
    pairs = [(-scores[a, k], a, k) for a in range(len(boxes)) for k in range(scores.shape[1])]
    pairs = [pair for pair in sorted(pairs)[:candidates] if -pair[0] > confidence]
    overlaps, kept = pairwise_iou(boxes, boxes).numpy(), []
    for score, a, k in pairs:
        if all(overlaps[a, b] <= iou for _, b, c in kept if c == k):
            kept.append((score, a, k))
    return [(boxes[a], -score, k) for score, a, k in kept[:max_detections]]


def check_equals_loop(boxes, scores, **options):
    options = {**OPTIONS, **options}
    found = suppress(boxes, scores, **options)
    for b in range(len(boxes)):
        expected = loop_suppress(boxes[b], scores[b], **options)
        count = len(expected)
        np.testing.assert_array_equal(found.labels[b], [k for _, _, k in expected] + [-1] * (6 - count))
        np.testing.assert_array_equal(found.scores[b, :count], [score for _, score, _ in expected])
        np.testing.assert_array_equal(found.boxes[b, :count], np.reshape([box for box, _, _ in expected], (-1, 4)))
        assert not found.boxes[b, count:].numpy().any()
        assert not found.scores[b, count:].numpy().any()


def random_case(rng, images, anchors, classes, levels):
    """Boxes in clusters; scores of few levels, so that ties are common."""
    centre = rng.choice([20.0, 50.0, 80.0], (images, anchors, 2)) + rng.normal(0, 4, (images, anchors, 2))
    size = rng.uniform(10, 30, (images, anchors, 2))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=-1)
    scores = rng.integers(0, levels, (images, anchors, classes)) / levels
    return boxes.astype(np.float32), scores.astype(np.float32)


def test_by_hand(both_ways):
    found = suppress([[A, NEARLY_A, OTHER]], [[[0.8], [0.9], [0.3]]])
    np.testing.assert_array_equal(found.labels, [[0, 0, -1, -1, -1, -1]])
    np.testing.assert_allclose(found.scores, [[0.9, 0.3, 0, 0, 0, 0]])
    np.testing.assert_array_equal(found.boxes[0, :3], [NEARLY_A, OTHER, [0, 0, 0, 0]])


def test_classes_do_not_suppress_each_other(both_ways):
    found = suppress([[A, NEARLY_A]], [[[0.8, 0.2], [0.3, 0.7]]])
    np.testing.assert_array_equal(found.labels, [[0, 1, -1, -1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :2], [A, NEARLY_A])


def test_a_suppressed_box_suppresses_nothing(both_ways):
    # A chain: each overlaps the next by 2/3 and the one after by 3/7.
    chain = [[[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0], [4.0, 0.0, 14.0, 10.0]]]
    found = suppress(chain, [[[0.9], [0.8], [0.7]]])
    np.testing.assert_array_equal(found.boxes[0, :2], [chain[0][0], chain[0][2]])


def test_equal_scores_rank_by_box_then_class(both_ways):
    found = suppress([[A, OTHER, NEARLY_A]], [[[0.5, 0.5]] * 3])
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, 1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :4], [A, A, OTHER, OTHER])


def test_thresholds_are_strict_and_may_be_tensors(both_ways):
    half = [0.0, 0.0, 10.0, 5.0]  # overlaps A by exactly 0.5
    options = {"iou": tf.constant(0.5), "confidence": tf.constant(0.25)}
    found = suppress([[A, half, OTHER]], [[[0.75], [0.5], [0.25]]], **options)
    np.testing.assert_array_equal(found.labels, [[0, 0, -1, -1, -1, -1]])


@pytest.mark.parametrize(("classes", "levels"), [(1, 1000), (3, 1000), (3, 8)])
def test_random_boxes_equal_a_loop(both_ways, classes, levels):
    check_equals_loop(*random_case(np.random.default_rng(levels), 20, 60, classes, levels))


def test_fewer_pairs_than_candidates_or_detections(both_ways):
    check_equals_loop(*random_case(np.random.default_rng(0), 3, 2, 2, 1000), candidates=500)


def test_the_two_ways_agree_on_many_boxes(monkeypatch):
    boxes, scores = random_case(np.random.default_rng(1), 4, 1500, 2, 50)
    options = {"iou": 0.6, "confidence": 0.05, "max_detections": 100, "candidates": 1000}
    found = []
    for on_accelerator in (False, True):
        monkeypatch.setattr(nms, "_on_accelerator", lambda answer=on_accelerator: answer)
        found.append(suppress(boxes, scores, **options))
    for kernel, fixed_point in zip(*found, strict=True):
        np.testing.assert_array_equal(kernel, fixed_point)


def test_nothing_above_the_confidence_and_no_anchors(both_ways):
    for anchors in (0, 4):
        found = suppress(np.ones((2, anchors, 4), np.float32), np.zeros((2, anchors, 3), np.float32), confidence=0.0)
        np.testing.assert_array_equal(found.labels, np.full((2, 6), -1))
        assert found.boxes.shape == (2, 6, 4)
        assert not found.scores.numpy().any()


def test_eager_equals_graph():
    boxes, scores = random_case(np.random.default_rng(2), 3, 40, 3, 1000)
    for eager, graph in zip(non_maximum_suppression(boxes, scores, **OPTIONS), suppress(boxes, scores), strict=True):
        np.testing.assert_array_equal(eager, graph)


def test_shapes_are_static_where_the_inputs_are():
    graph = tf.function(lambda boxes, scores: non_maximum_suppression(boxes, scores, **OPTIONS))
    outputs = graph.get_concrete_function(tf.TensorSpec([2, 50, 4]), tf.TensorSpec([2, 50, 3])).structured_outputs
    assert [value.shape.as_list() for value in outputs] == [[2, 6, 4], [2, 6], [2, 6]]
