"""Pairs of detections, by hand."""

import numpy as np

from detect.export.pairing import TIE, largest_differences, pairs, rows_of, same_objects
from detect.structures import Detections

SQUARE, SHIFTED, FAR = (0, 0, 10, 10), (2, 0, 12, 10), (40, 40, 50, 50)  # the first two overlap by 80 / 120


def found(*rows) -> Detections:
    """Rows of box, score and label."""
    boxes, scores, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(np.float32(boxes).reshape(-1, 4), np.float32(scores), np.int32(labels))


def listed(rows) -> list[tuple[int, int]]:
    return list(zip(*(part.tolist() for part in rows), strict=True))


def test_boxes_of_one_class_that_overlap_enough():
    ours, theirs = found((SQUARE, 0.9, 0), (FAR, 0.8, 1)), found((FAR, 0.7, 1), (SHIFTED, 0.6, 0), (FAR, 0.9, 2))
    assert listed(pairs(ours, theirs, 0.6, TIE)) == [(0, 1), (1, 0)]
    assert listed(pairs(ours, theirs, 0.7, TIE)) == [(1, 0)]
    assert listed(pairs(ours, found(), 0.5, TIE)) == listed(pairs(found(), theirs, 0.5, TIE)) == []


def test_each_is_the_best_of_the_other():
    ours, theirs = found((SQUARE, 0.9, 0), (SHIFTED, 0.9, 0)), found(((1, 0, 11, 10), 0.9, 0), (SQUARE, 0.9, 0))
    assert listed(pairs(ours, theirs, 0.5, TIE)) == [(0, 1), (1, 0)]


def test_scores_decide_between_boxes_that_are_equal():
    ours, theirs = found((SQUARE, 0.9, 0), (SQUARE, 0.3, 0)), found((SQUARE, 0.31, 0), (SQUARE, 0.89, 0))
    for weight in (TIE, 1.0):
        assert listed(pairs(ours, theirs, 0.5, weight)) == [(0, 1), (1, 0)]


def test_an_object_is_not_paired_with_its_weak_duplicate():
    ours, theirs = found((SQUARE, 0.9, 0)), found((SHIFTED, 0.85, 0), (SQUARE, 0.05, 0))
    assert listed(pairs(ours, theirs, 0.5, TIE)) == [(0, 1)]
    assert listed(same_objects(ours, theirs)) == [(0, 0)]


def test_empty_boxes_have_a_match_too():
    empty = found(((5, 5, 9, 5), 0.5, 0))
    assert listed(pairs(empty, empty, 0.5, TIE)) == []
    assert listed(same_objects(empty, empty)) == [(0, 0)]


def test_differences_of_pairs():
    ours, theirs = found((SQUARE, 0.9, 0), (FAR, 0.5, 1)), found((SHIFTED, 0.6, 0), (FAR, 0.5, 1))
    boxes, scores = largest_differences(ours, theirs)
    np.testing.assert_allclose(boxes, [2, 0])
    np.testing.assert_allclose(scores, [0.3, 0], atol=1e-6)
    assert rows_of(ours, np.array([1])).labels.tolist() == [1]
