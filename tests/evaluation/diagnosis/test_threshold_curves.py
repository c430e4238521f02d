"""Precision, recall and F1 against the threshold, by hand."""

import numpy as np

from detect.evaluation.diagnosis.threshold_curves import THRESHOLDS, threshold_curves
from detect.evaluation.matching_by_image import Matched


def matched(scores, right, ignored, objects) -> Matched:
    at_each = [np.tile(np.array(each, bool), [10, 1]) for each in (right, ignored)]
    return Matched(np.zeros(len(scores), int), np.array(scores, float), *at_each, np.array([objects]))


def at(threshold: float) -> int:
    return int(np.argmin(np.abs(THRESHOLDS - threshold)))


def test_curves_by_hand():
    """Of 2 objects: right with 0.8, ignored 0.7, wrong 0.5, right 0.3."""
    curves = threshold_curves([matched([0.8, 0.7, 0.5, 0.3], [1, 0, 0, 1], [0, 1, 0, 0], 2)])
    for threshold, precision, recall in ((0.9, 1.0, 0.0), (0.6, 1.0, 0.5), (0.5, 0.5, 0.5), (0.1, 2 / 3, 1.0)):
        column = at(threshold)
        np.testing.assert_allclose(curves.precision[0, column], precision)
        np.testing.assert_allclose(curves.recall[0, column], recall)
        np.testing.assert_allclose(curves.f1[0, column], 2 * precision * recall / (precision + recall))
    assert curves.best_threshold == 0.0  # F1 is 0.8 from 0.3 down, and 2/3 from 0.5 up


def test_the_best_threshold_leaves_out_what_is_wrong():
    curves = threshold_curves([matched([0.8, 0.5], [1, 0], [0, 0], 1)])
    assert 0.5 < curves.best_threshold <= 0.8


def test_classes_without_objects_have_no_curves():
    curves = threshold_curves([matched([0.5], [0], [0], 0), matched([0.8], [1], [0], 1)])
    assert np.isnan(curves.f1[0]).all()
    assert curves.f1[1, at(0.8)] == 1.0
