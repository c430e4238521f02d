"""Thresholds for a goal, on detections whose numbers are worked out by hand."""

import math

import numpy as np
import pytest

from detect.config import to_json
from detect.errors import BadInput
from detect.evaluation.goals import goal_of, require_model
from detect.evaluation.matching_by_image import Matched
from detect.evaluation.operating_points import operating_point, with_thresholds
from detect.models.card import Goal, ModelCard

IMAGES = 4
# From the best score on: precision 1, 1, 2/3, 3/4, 3/5, 4/6 at recall 1/5, 2/5, 2/5, 3/5, 3/5, 4/5 of five objects.
SCORES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.3)
RIGHT = (True, True, False, True, False, True)


def matched(scores=SCORES, right=RIGHT, ignored=None, images=None, objects=(2, 1, 1, 1)):
    count = len(scores)
    return Matched(
        images=np.array([row % IMAGES for row in range(count)] if images is None else images, np.int64),
        scores=np.array(scores, np.float64),
        right=np.array([right] * 10, bool).reshape(10, count),
        ignored=np.zeros((10, count), bool) if ignored is None else np.array([ignored] * 10, bool),
        objects=np.array(objects),
    )


@pytest.mark.parametrize(
    ("measure", "value", "threshold", "precision", "recall", "alarms"),
    [
        ("f1", 1.0, 0.15, 4 / 6, 4 / 5, 2 / 4),  # F1 8/11; with four detections it is 6/9
        ("precision", 0.7, 0.55, 3 / 4, 3 / 5, 1 / 4),  # not 0.75, which finds less
        ("precision", 0.9, 0.75, 1.0, 2 / 5, 0.0),
        ("recall", 0.4, 0.75, 1.0, 2 / 5, 0.0),  # not 0.65, with a wrong one more
        ("recall", 0.7, 0.15, 4 / 6, 4 / 5, 2 / 4),
        ("false_alarms", 0.25, 0.55, 3 / 4, 3 / 5, 1 / 4),
    ],
)
def test_the_threshold_for_a_goal(measure, value, threshold, precision, recall, alarms):
    point = operating_point(matched(), Goal(measure=measure, value=value), IMAGES)
    assert point.threshold == pytest.approx(threshold, abs=1e-9)
    assert (point.precision, point.recall) == (pytest.approx(precision), pytest.approx(recall))
    assert point.false_alarms == pytest.approx(alarms)
    assert point.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert (point.objects, point.reached) == (5, True)


@pytest.mark.parametrize(
    ("measure", "value", "right", "threshold"),
    [("recall", 0.9, RIGHT, 0.15), ("precision", 0.8, (False, True, True, False, True, False), 0.65)],
)
def test_where_no_threshold_meets_the_goal_it_is_the_nearest(measure, value, right, threshold):
    """Recall 4/5 at most; precision 2/3 at most."""
    point = operating_point(matched(right=right), Goal(measure=measure, value=value), IMAGES)
    assert not point.reached
    assert point.threshold == pytest.approx(threshold, abs=1e-9)


def test_detections_of_the_same_score_count_together():
    """With the right one of the two alone, precision would be 1."""
    point = operating_point(matched(scores=(0.9, 0.9, 0.5), right=(True, False, True)), Goal(measure="f1"), IMAGES)
    assert point.threshold == pytest.approx(0.25)
    assert (point.precision, point.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 5))


def test_ignored_detections_are_neither_right_nor_wrong():
    ignored = (False, False, True, False, True, False)
    point = operating_point(matched(ignored=ignored), Goal(measure="precision", value=1.0), IMAGES)
    assert (point.precision, point.recall, point.false_alarms) == (1.0, pytest.approx(4 / 5), 0.0)


def test_a_class_may_be_detected_nowhere():
    """Its best detection is wrong, so that no false alarm leaves none; and a class without any detection."""
    wrong_first = matched(scores=(0.9, 0.5), right=(False, True))
    for point in (
        operating_point(wrong_first, Goal(measure="false_alarms", value=0.0), IMAGES),
        operating_point(matched(scores=(), right=()), Goal(measure="f1"), IMAGES),
    ):
        assert math.isnan(point.precision)
        assert (point.recall, point.false_alarms, point.f1) == (0.0, 0.0, 0.0)
        assert 0.9 < point.threshold <= 1


def test_scores_that_four_digits_do_not_tell_apart():
    point = operating_point(matched(scores=(0.50004, 0.50002), right=(True, False)), Goal(measure="f1"), IMAGES)
    assert 0.50002 <= point.threshold < 0.50004  # scores are above it


def test_intervals_are_those_of_the_images():
    """All images alike: no draw changes anything. One of four images has all wrong detections: many draws do."""
    alike = matched(scores=(0.9,) * 4, right=(True,) * 4, images=range(4), objects=(1, 1, 1, 1))
    point = operating_point(alike, Goal(measure="f1"), IMAGES)
    assert point.precision_interval == point.recall_interval == (1.0, 1.0)
    unlike = matched(scores=(0.9,) * 4, right=(True, True, True, False), images=range(4), objects=(1, 1, 1, 1))
    low, high = operating_point(unlike, Goal(measure="f1"), IMAGES).precision_interval
    assert low < 0.75 < high == 1.0


def test_the_goal_of_a_user():
    assert goal_of(precision=None, recall=None, false_alarms=None) == Goal(measure="f1")
    assert goal_of(precision=0.95, recall=None, false_alarms=None) == Goal(measure="precision", value=0.95)
    assert str(goal_of(false_alarms=0.1)) == "at most 0.1 false alarms per image"
    for measures in ({"precision": 1.5}, {"recall": 0.0}, {"false_alarms": -1.0}, {"false_alarms": math.inf}):
        with pytest.raises(BadInput):
            goal_of(**measures)
    with pytest.raises(BadInput, match="one goal, not precision and recall"):
        goal_of(precision=0.9, recall=0.9)


def test_the_card_keeps_thresholds_of_other_classes(tmp_path):
    card = ModelCard(
        model="m", config={}, classes=("a", "b"), category_ids=(1, 2), image_size=64, confidences={"a": 0.4, "b": 0.4}
    )
    goal = Goal(measure="recall", value=0.5)
    changed = with_thresholds(card, {"b": operating_point(matched(), goal, IMAGES), "other": None}, goal)
    assert changed.confidences == {"a": 0.4, "b": pytest.approx(0.55)}
    assert changed.goal == goal
    assert ModelCard.model_validate_json(to_json(changed)) == changed


def test_exports_and_other_folders_get_no_thresholds(tmp_path):
    with pytest.raises(BadInput, match="not a run folder or a model folder"):
        require_model(tmp_path)
    (tmp_path / "export.json").touch()
    with pytest.raises(BadInput, match="is an export"):
        require_model(tmp_path)
