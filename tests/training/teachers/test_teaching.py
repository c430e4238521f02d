"""The detections of a teacher that are learnt from."""

import math

import numpy as np
import pytest

from detect.data.looked_for import distinct
from detect.data.records import Records
from detect.data.texts import Texts
from detect.evaluation.coco_scores import Curves
from detect.training.teachers.teaching import (
    UNMEASURED,
    Boxes,
    Limits,
    chosen,
    is_annotation,
    joined_boxes,
    limits_of,
    taught,
)

CIRCLE, SQUARE, STAR = range(3)
LIMITS = [Limits(0.5, 0.2), Limits(math.inf, 0.2), Limits(0.5, 0.2)]


def records(looked_for=((False, False, True), (True, True, True))) -> Records:
    """Return two images, of which the first has a star."""
    return Records(
        folder="images",
        paths=Texts(["a.jpg", "b.jpg"]),
        image_ids=np.array([1, 2]),
        sizes=np.array([[64, 64], [64, 64]], np.int32),
        box_ends=np.array([1, 1]),
        boxes=np.array([[0, 0, 10, 10]], np.float32),
        labels=np.array([STAR], np.int32),
        ignore=np.zeros(1, bool),
        areas=np.full(1, 100.0),
        looked_for=distinct(np.array(looked_for)),
    )


def found(*rows, image: int = 0) -> Boxes:
    """Return detections, each from its score, its label and its left edge: squares of 10 pixels in the first rows."""
    scores, labels, lefts = zip(*rows, strict=True)
    boxes = np.array([[left, 0, left + 10, 10] for left in lefts], np.float32)
    return Boxes(np.full(len(rows), image), boxes, np.array(labels, np.int32), np.array(scores, np.float32))


def curves(precisions, scores) -> Curves:
    steps = np.zeros(101)
    return Curves(
        recalls=np.linspace(0, 1, 101),
        precisions={"circle": steps + np.append(precisions, steps[len(precisions) :])},
        confidences={"circle": steps + np.append(scores, steps[len(scores) :])},
    )


def test_the_scores_of_a_class_come_from_its_precision_and_recall():
    """Precision is 1 down to a score of 0.8, 0.9 down to 0.6 and 0.5 down to 0.1; at most 0.8 are found."""
    measured = curves([1.0] * 41 + [0.9] * 20 + [0.5] * 20, np.linspace(1, 0.2, 81))
    assert limits_of(measured, "circle", precision=0.9, recall=0.95) == pytest.approx((0.4, 1 - 0.8 * 76 / 80))
    assert limits_of(measured, "circle", precision=1.0, recall=0.5) == pytest.approx((0.6, 0.6))
    assert limits_of(measured, "circle", precision=1.0, recall=0.25) == pytest.approx((0.6, 0.6))


def test_a_class_that_is_never_precise_is_not_annotated():
    assert limits_of(curves([0.7] * 11, [0.5] * 11), "circle", 0.9, 0.95) == (math.inf, 0.5)
    assert limits_of(curves([0.0], [0.0]), "circle", 0.9, 0.95) == (math.inf, UNMEASURED[1])


def test_a_class_without_boxes_to_measure_it_on_has_stated_limits():
    assert limits_of(curves([1.0], [1.0]), "square", 0.9, 0.95) == UNMEASURED


def test_only_classes_that_were_not_looked_for_are_taken():
    assert chosen(found((0.9, STAR, 40), (0.8, CIRCLE, 30)), records(), LIMITS).labels.tolist() == [CIRCLE]
    assert len(chosen(found((0.9, CIRCLE, 40), image=1), records(), LIMITS).labels) == 0
    assert len(chosen(joined_boxes([]), records(), LIMITS).labels) == 0


def test_low_scores_are_background():
    taken = chosen(found((0.5, CIRCLE, 0), (0.25, CIRCLE, 20), (0.19, CIRCLE, 40)), records(), LIMITS)
    assert is_annotation(taken, LIMITS).tolist() == [True, False]


def test_what_repeats_an_object_of_its_class_is_left_out():
    """Squares of 10 pixels that are shifted by 2 have an IoU of 8 / 12, those that are shifted by 4 one of 6 / 14."""
    taken = chosen(
        found((0.9, CIRCLE, 0), (0.4, CIRCLE, 2), (0.3, SQUARE, 2), (0.3, CIRCLE, 4), (0.25, CIRCLE, 4.5)),
        records(),
        LIMITS,
    )
    assert taken.scores.tolist() == pytest.approx([0.9, 0.3, 0.3, 0.25])


def test_a_stated_box_of_a_class_that_was_not_looked_for_everywhere_is_not_repeated():
    partly = records(looked_for=((False, False, False), (True, True, True)))
    assert chosen(found((0.9, STAR, 1), (0.8, STAR, 30)), partly, LIMITS).boxes[:, 0].tolist() == [30]


def test_records_get_the_boxes_of_a_teacher_and_are_labelled_where_it_is_able():
    boxes = joined_boxes([found((0.9, CIRCLE, 20), (0.3, CIRCLE, 40)), found((0.3, SQUARE, 30))])
    learnt = taught(records(), boxes, LIMITS)
    first, second = learnt
    assert first.labels.tolist() == [STAR, CIRCLE, CIRCLE, SQUARE]
    assert first.ignore.tolist() == [False, False, True, True]
    assert first.boxes[:, 0].tolist() == [0, 20, 40, 30]
    assert first.areas.tolist() == [100] * 4
    assert first.looked_for.tolist() == [True, False, True]  # the teacher does not know squares well enough
    assert len(second.labels) == 0


def test_images_in_which_everything_is_labelled_say_nothing_about_it():
    able = [Limits(0.5, 0.2)] * 3
    assert taught(records(), joined_boxes([]), able).looked_for is None
