"""Denoising queries compared with numbers worked by hand and with a plain loop."""

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.denoising import DRAWS, may_attend, noisy_queries
from detect.ops.matching import NEGATIVE, NEITHER

BOXES = np.float32(
    [[[0.5, 0.5, 0.2, 0.4], [0.3, 0.3, 0.2, 0.2], [0.0, 0, 0, 0]], [[0.6, 0.6, 0.1, 0.1], *[[0.0] * 4] * 2]]
)
LABELS, REAL = np.int32([[1, 0, -1], [2, -1, -1]]), np.array([[True, True, False], [True, False, False]])


@pytest.fixture(autouse=True)
def one_by_one(request):
    """Compile operations only for the comparisons with loops: it takes long."""
    if "loop" in request.node.name:
        yield
        return
    with uncompiled():
        yield


def queries(places, luck=0.75, most=2, **options):
    if np.ndim(luck) == 0:
        luck = np.full([2, places, DRAWS], luck, np.float32)
    return noisy_queries(BOXES, LABELS, REAL, luck, most=most, classes=3, **options)


def test_places_by_hand():
    """Groups of two positive and two negative queries: ten places hold two of them."""
    found = queries(10)
    np.testing.assert_array_equal(found.group, [0] * 4 + [1] * 4 + [-1] * 2)
    both = [0, 1, NEGATIVE, NEGATIVE]
    one = [0, NEGATIVE, NEGATIVE, NEGATIVE]
    np.testing.assert_array_equal(found.indices, [both * 2 + [NEITHER] * 2, one * 2 + [NEITHER] * 2])
    # The class of no box is K, in the second half of a group of the second image too.
    np.testing.assert_array_equal(found.labels, [[1, 0, 1, 0] * 2 + [3, 3], [2, 3, 2, 3] * 2 + [3, 3]])
    np.testing.assert_array_equal(found.boxes[1, 1::2], np.zeros([5, 4]))


def test_noise_by_hand():
    """Luck of 0.75: edges move to the right or down, by 0.75 halves of a side or, of negative queries, 1.75."""
    found = queries(4)
    np.testing.assert_allclose(found.boxes[0, 0], [0.5 + 0.075, 0.5 + 0.15, 0.2, 0.4], rtol=1e-5)
    # The negative one from (0.575, 0.65) to (0.775, 1.05), where the image ends at 1.
    np.testing.assert_allclose(found.boxes[0, 2], [0.675, 0.825, 0.2, 0.35], rtol=1e-5)
    np.testing.assert_allclose(queries(4, box_noise=0.0).boxes[:, 0], BOXES[:, 0], rtol=1e-6)


def test_edges_of_negative_queries_may_change_places():
    luck = np.full([2, 4, DRAWS], 0.75, np.float32)
    luck[..., 4:6] = 0.25  # the right and lower edges move to the left and up
    boxes = queries(4, luck).boxes
    # By 1.75 halves each: from 0.4 + 0.175 to 0.6 - 0.175 in x, from 0.3 + 0.35 to 0.7 - 0.35 in y.
    np.testing.assert_allclose(boxes[0, 2], [0.5, 0.5, 0.15, 0.3], rtol=1e-5)


def test_classes_by_hand():
    luck = np.full([2, 4, DRAWS], 0.75, np.float32)
    luck[0, 0, :2], luck[0, 1, :2], luck[1, 1, 0] = (0.2, 0.99), (0.25, 0.99), 0.0
    # Only below half of the label noise; the place of no box keeps its class.
    np.testing.assert_array_equal(queries(4, luck, label_noise=0.5).labels[:, :2], [[2, 0], [2, 3]])
    np.testing.assert_array_equal(queries(4, luck, label_noise=0.0).labels[:, :2], [[1, 0], [2, 3]])


def test_true_boxes_need_not_be_first():
    real = np.array([[False, True, False], [False, False, True]])
    luck = np.full([2, 4, DRAWS], 0.75, np.float32)
    found = noisy_queries(BOXES[:, ::-1], LABELS[:, ::-1], real, luck, most=1, classes=3)
    np.testing.assert_array_equal(found.indices, [[1, -1, 1, -1], [2, -1, 2, -1]])
    np.testing.assert_array_equal(found.labels, [[0] * 4, [2] * 4])


def test_the_number_of_groups_is_that_of_the_published_code():
    """With 200 places, which are 100 pairs: 100 // most, and 1 at least."""
    for most in (1, 3, 7, 33, 50, 51, 99, 100, 150):
        luck = np.zeros([2, 200, DRAWS], np.float32)
        group = queries(200, luck, most=most).group.numpy()
        assert group.max() + 1 == max(1, 100 // most)
        assert np.count_nonzero(group >= 0) == 2 * min(most, 100) * max(1, 100 // most)


def test_boxes_without_a_place_have_no_queries():
    """Two pairs of places, but three boxes in an image."""
    labels = np.int32([[0, 1, 2]])
    luck = np.full([1, 4, DRAWS], 0.75, np.float32)
    found = noisy_queries(BOXES[:1], labels, labels >= 0, luck, most=3, classes=3)
    np.testing.assert_array_equal(found.indices, [[0, 1, NEGATIVE, NEGATIVE]])


def test_no_boxes_at_all():
    found = queries(6, most=0)
    np.testing.assert_array_equal(found.indices, np.full([2, 6], NEITHER))
    np.testing.assert_array_equal(found.labels, np.full([2, 6], 3))
    luck = np.zeros([2, 6, DRAWS], np.float32)
    nothing = noisy_queries(BOXES[:, :0], LABELS[:, :0], REAL[:, :0], luck, most=0, classes=3)
    np.testing.assert_array_equal(nothing.indices, found.indices)
    np.testing.assert_array_equal(nothing.boxes, np.zeros([2, 6, 4]))


def test_who_may_attend_to_whom_by_hand():
    group, queries = [0, 0, 1, -1], 2
    expected = [
        [1, 1, 0, 0, 1, 1],
        [1, 1, 0, 0, 1, 1],
        [0, 0, 1, 0, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1, 1],
    ]
    np.testing.assert_array_equal(may_attend(tf.constant(group), queries), np.array(expected, bool))
