"""The AP that each image costs: worked out by hand, and in all 1 - AP."""

import numpy as np

from detect.evaluation.diagnosis.lost_ap import lost_by_image
from detect.evaluation.matching_by_image import Matched


def matched(images, right, objects, ignored=None) -> Matched:
    """Return detections in order at one overlap."""
    rows = np.array([right], bool)
    hidden = np.zeros_like(rows) if ignored is None else np.array([ignored], bool)
    return Matched(np.array(images, int), np.linspace(0.9, 0.1, len(images)), rows, hidden, np.array(objects))


def test_a_missed_object_costs_its_share():
    assert lost_by_image([matched([0], [True], [1, 3])], 2).tolist() == [0.0, 0.75]


def test_a_wrong_detection_costs_what_it_takes_from_the_right_ones_below():
    """Right, wrong, right, of 4 objects: the second right one has precision 2/3, and the wrong one costs 1/4 * 1/3."""
    lost = lost_by_image([matched([0, 1, 0], [True, False, True], [4, 0])], 2)
    np.testing.assert_allclose(lost, [2 / 4, 1 / 4 * 1 / 3])
    np.testing.assert_allclose(1 - lost.sum(), (1 + 2 / 3) / 4)


def test_a_wrong_detection_below_all_right_ones_costs_nothing():
    assert lost_by_image([matched([0, 1], [True, False], [1, 0])], 2).tolist() == [0.0, 0.0]


def test_ignored_detections_cost_nothing():
    lost = lost_by_image([matched([1, 0], [False, True], [1, 0], ignored=[True, False])], 2)
    assert lost.tolist() == [0.0, 0.0]


def test_classes_and_overlaps_are_averaged_and_those_without_objects_left_out():
    missed = matched([], [], [1, 0])
    found = matched([0], [True], [1, 0])
    nothing = matched([1], [False], [0, 0])
    assert lost_by_image([missed, found, nothing], 2).tolist() == [0.5, 0.0]


def test_all_images_together_cost_what_is_missing():
    random = np.random.default_rng(0)
    right, objects = random.random(50) < 0.6, np.full(5, 10)
    lost = lost_by_image([matched(random.integers(0, 5, 50), right, objects)], 5)
    hits = np.cumsum(right)
    average = sum(hits[row] / (row + 1) for row in range(50) if right[row]) / 50
    np.testing.assert_allclose(lost.sum(), 1 - average)
