"""Soft-NMS and matrix NMS against numbers worked by hand, plain loops and TensorFlow's kernel."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.boxes import iou as pairwise_iou
from detect.ops.nms import non_maximum_suppression
from detect.ops.soft_suppression import matrix_nms, soft_nms

OPTIONS = {"confidence": 0.1, "max_detections": 6, "candidates": 30}
A, HALF_A, OTHER = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0], [20.0, 0.0, 30.0, 10.0]  # IoU 1/2 and 0
FOURTH_A = [0.0, 0.0, 5.0, 5.0]  # IoU 1/4 with A, 1/2 with half of A
BOTH = pytest.mark.parametrize("function", [soft_nms, matrix_nms])


def loop_candidates(scores, confidence, candidates, levels):
    """Return the best pairs of one image, level by level: rows of (-score, box, class), best first."""
    pairs, start = [], 0
    for length in levels or (len(scores),):
        level = [(-scores[a, k], a, k) for a in range(start, start + length) for k in range(scores.shape[1])]
        pairs += sorted(level)[:candidates]
        start += length
    return sorted(pair for pair in pairs if -pair[0] > confidence)


def loop_soft(overlaps, pairs, confidence, scale):
    """Run the algorithm of the paper's figure 2 for all classes of one image: rows of (score, box, class)."""
    left, kept = [[-negated, a, k] for negated, a, k in pairs], []
    while left:
        best = max(left, key=lambda row: (row[0], -row[1], -row[2]))
        left.remove(best)
        kept.append(tuple(best))
        for row in left:
            if row[2] == best[2]:
                row[0] *= math.exp(scale * overlaps[best[1], row[1]] ** 2)
        left = [row for row in left if row[0] > confidence]
    return kept


def loop_matrix(overlaps, pairs, confidence, sigma):
    """Compute equation 4 of the paper, one pair of boxes at a time."""

    def f(overlap):
        return 1 - overlap if sigma is None else math.exp(-(overlap**2) / sigma)

    def worst(j):  # overlap with those better than j of its class
        return max((overlaps[pairs[i][1], pairs[j][1]] for i in range(j) if pairs[i][2] == pairs[j][2]), default=0.0)

    rows = []
    for j, (negated, a, k) in enumerate(pairs):
        rivals = [i for i in range(j) if pairs[i][2] == k]
        decay = min((f(overlaps[pairs[i][1], a]) / max(f(worst(i)), 1e-7) for i in rivals), default=1.0)
        rows.append((-negated * min(decay, 1.0), a, k))
    return sorted((row for row in rows if row[0] > confidence), key=lambda row: -row[0])


def check_equals(found, boxes, expected):
    """Compare the detections of all images with rows of (score, box, class) for each image."""
    shape = found.scores.shape
    scores, labels, kept = np.zeros(shape), np.full(shape, -1), np.zeros((*shape, 4), np.float32)
    for b, rows in enumerate(expected):
        for d, (score, a, k) in enumerate(rows[: shape[1]]):
            scores[b, d], labels[b, d], kept[b, d] = score, k, boxes[b, a]
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.boxes, kept)


def random_case(rng, images, anchors, classes):
    """Return boxes in clusters, with scores that all differ, also after they are lowered."""
    centre = rng.choice([20.0, 50.0, 80.0], (images, anchors, 2)) + rng.normal(0, 4, (images, anchors, 2))
    size = rng.uniform(10, 30, (images, anchors, 2))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=-1)
    return boxes.astype(np.float32), rng.random((images, anchors, classes)).astype(np.float32)


def test_soft_by_hand():
    # Half of A keeps exp(-1/4 / (1/2)) of its score, which puts it behind the other box.
    found = soft_nms([[A, HALF_A, OTHER]], [[[0.9], [0.8], [0.7]]], **OPTIONS)
    np.testing.assert_allclose(found.scores, [[0.9, 0.7, 0.8 * math.exp(-0.5), 0, 0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(found.labels, [[0, 0, 0, -1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :4], [A, OTHER, HALF_A, [0] * 4])


def test_soft_penalties_add_up():
    found = soft_nms([[A, HALF_A, FOURTH_A]], [[[0.9], [0.8], [0.7]]], **OPTIONS)
    # The fourth of A is lowered by A, which leaves it the second, and only then lowers half of A.
    fourth = 0.7 * math.exp(-1 / 8)
    np.testing.assert_allclose(found.scores[0, :3], [0.9, fourth, 0.8 * math.exp(-1 / 2 - 1 / 2)], rtol=1e-6)


def test_soft_with_the_factor_of_one_half():
    found = soft_nms([[A, HALF_A]], [[[0.9], [0.8]]], sigma=0.5, halved=True, **OPTIONS)
    np.testing.assert_allclose(found.scores[0, :2], [0.9, 0.8 * math.exp(-0.25)], rtol=1e-6)


def test_soft_drops_what_falls_below_the_confidence():
    options = {**OPTIONS, "confidence": tf.constant(0.5)}
    found = soft_nms([[A, HALF_A, OTHER]], [[[0.9], [0.8], [0.5]]], **options)  # 0.8 falls to 0.485; 0.5 is not above
    np.testing.assert_array_equal(found.labels, [[0, -1, -1, -1, -1, -1]])


def test_matrix_by_hand():
    # Half of A is penalised by A, f(1/2). The fourth by A with f(1/4), by half of A with f(1/2) / f(1/2) = 1.
    found = matrix_nms([[A, HALF_A, FOURTH_A]], [[[0.9], [0.8], [0.7]]], **OPTIONS)
    np.testing.assert_allclose(found.scores[0, :3], [0.9, 0.7 * math.exp(-1 / 8), 0.8 * math.exp(-1 / 2)], rtol=1e-6)
    linear = matrix_nms([[A, HALF_A, FOURTH_A]], [[[0.9], [0.8], [0.7]]], sigma=None, **OPTIONS)
    np.testing.assert_allclose(linear.scores[0, :3], [0.9, 0.7 * 3 / 4, 0.8 / 2], rtol=1e-6)
    np.testing.assert_array_equal(linear.boxes[0, :4], [A, FOURTH_A, HALF_A, [0] * 4])


def test_matrix_of_equal_boxes():
    # The second is lost, with 1 - IoU = 0; it does not spare the third.
    found = matrix_nms([[A, A, A]], [[[0.9], [0.8], [0.7]]], sigma=None, **OPTIONS)
    np.testing.assert_allclose(found.scores, [[0.9, 0, 0, 0, 0, 0]])


@BOTH
def test_classes_do_not_touch_each_other(function):
    found = function([[A, HALF_A]], [[[0.8, 0.0], [0.0, 0.7]]], **OPTIONS)
    np.testing.assert_allclose(found.scores[0, :3], [0.8, 0.7, 0])
    np.testing.assert_array_equal(found.labels[0, :3], [0, 1, -1])


@BOTH
def test_equal_scores_rank_by_box_then_class(function):
    found = function([[A, OTHER]], [[[0.5, 0.5]] * 2], **OPTIONS)
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, 1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :4], [A, A, OTHER, OTHER])


@pytest.mark.parametrize("levels", [None, (7, 3)])
@pytest.mark.parametrize("sigma", [0.5, 0.1])
def test_thousands_of_random_images_equal_the_loop_of_soft_nms(sigma, levels):
    boxes, scores = random_case(np.random.default_rng(0), 600, 10, 2)
    found = soft_nms(boxes, scores, sigma=sigma, levels=levels, **{**OPTIONS, "candidates": 12})
    overlaps = pairwise_iou(boxes, boxes).numpy().astype(np.float64)
    pairs = [loop_candidates(image, 0.1, 12, levels) for image in scores]
    expected = [loop_soft(*row, 0.1, -1 / sigma) for row in zip(overlaps, pairs, strict=True)]
    check_equals(found, boxes, expected)


@pytest.mark.parametrize("levels", [None, (7, 3)])
@pytest.mark.parametrize("sigma", [0.5, None])
def test_thousands_of_random_images_equal_the_loop_of_matrix_nms(sigma, levels):
    boxes, scores = random_case(np.random.default_rng(1), 600, 10, 2)
    found = matrix_nms(boxes, scores, sigma=sigma, levels=levels, **{**OPTIONS, "candidates": 12})
    overlaps = pairwise_iou(boxes, boxes).numpy().astype(np.float64)
    pairs = [loop_candidates(image, 0.1, 12, levels) for image in scores]
    expected = [loop_matrix(*row, 0.1, sigma) for row in zip(overlaps, pairs, strict=True)]
    check_equals(found, boxes, expected)


def kernel_soft(boxes, scores, sigma, confidence, most):
    """Run TensorFlow's kernel for soft-NMS class by class on one image, as EfficientDet's authors do."""
    rows = []
    for k in range(scores.shape[1]):
        kept = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes,
            scores=scores[:, k],
            max_output_size=most,
            iou_threshold=0.5,
            score_threshold=confidence,
            soft_nms_sigma=sigma / 2,  # the kernel halves the exponent
            pad_to_max_output_size=False,
        )
        rows += [(s, a, k) for s, a in zip(kept.selected_scores.numpy(), kept.selected_indices.numpy(), strict=True)]
    return sorted(rows, key=lambda row: -row[0])[:most]


def test_soft_nms_equals_the_kernel_of_tensorflow():
    boxes, scores = random_case(np.random.default_rng(2), 20, 300, 3)
    options = {"confidence": 0.001, "max_detections": 100, "candidates": 900}
    found, halved = soft_nms(boxes, scores, **options), soft_nms(boxes, scores, sigma=0.25, halved=True, **options)
    check_equals(found, boxes, [kernel_soft(*row, 0.5, 0.001, 100) for row in zip(boxes, scores, strict=True)])
    np.testing.assert_array_equal(found.scores, halved.scores)


def test_a_hard_penalty_is_greedy_suppression():
    # The exponent of 1 / sigma is 0 or beyond float32: a box that overlaps at all is lost.
    boxes, scores = random_case(np.random.default_rng(3), 50, 30, 2)
    hard = non_maximum_suppression(boxes, scores, iou=0.0, **OPTIONS)
    for expected, found in zip(hard, soft_nms(boxes, scores, sigma=1e-12, **OPTIONS), strict=True):
        np.testing.assert_array_equal(expected, found)


@BOTH
def test_a_box_for_each_class(function):
    found = function([[[A, OTHER], [OTHER, OTHER]]], [[[0.9, 0.8], [0.7, 0.6]]], **OPTIONS)
    # Both boxes of the second class are the same: IoU 1 leaves 0.6 * exp(-2) = 0.08 of the worse.
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, -1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :3], [A, OTHER, OTHER])


@BOTH
@pytest.mark.parametrize(("anchors", "xla"), [(4, False), (0, False), (0, True)])
def test_nothing_above_the_confidence_and_no_anchors(function, anchors, xla):
    boxes, scores = np.ones((2, anchors, 4), np.float32), np.zeros((2, anchors, 3), np.float32)
    found = tf.function(lambda: function(boxes, scores, **{**OPTIONS, "confidence": 0.0}), jit_compile=xla)()
    np.testing.assert_array_equal(found.labels, np.full((2, 6), -1))
    assert found.boxes.shape == (2, 6, 4)
    assert not found.scores.numpy().any()


@BOTH
def test_graph_and_xla_equal_eager(function):
    boxes, scores = random_case(np.random.default_rng(4), 3, 40, 3)
    eager = function(boxes, scores, **OPTIONS)
    for xla in (False, True):
        graph = tf.function(lambda *case: function(*case, **OPTIONS), jit_compile=xla)(boxes, scores)
        np.testing.assert_allclose(graph.scores, eager.scores, rtol=1e-5)
        np.testing.assert_array_equal(graph.labels, eager.labels)
        np.testing.assert_array_equal(graph.boxes, eager.boxes)
        assert graph.boxes.shape == (3, 6, 4)
