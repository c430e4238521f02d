"""All that explains scores: that its parts are of the same detections."""

import numpy as np
from small_detections import compared

from detect.evaluation.diagnosis.box_kinds import Kind
from detect.evaluation.diagnosis.diagnosing import MOST_IMAGES, diagnose
from detect.evaluation.diagnosis.label_hints import LabelHint

LEFT, FAR = [0, 0, 10, 10], [60, 60, 10, 10]
BOXES = [(1, 1, LEFT, 0), (2, 2, LEFT, 0)]


def diagnosed(found: list[tuple], images: int = 2):
    return diagnose(compared(BOXES, found, images), np.full([images, 2], 100.0), np.ones(images))


def test_annotations_that_confident_detections_contradict():
    """The dog is detected as a cat, and a cat where nothing is annotated; what is not confident contradicts nothing."""
    result = diagnosed([(1, 1, LEFT, 0.9), (2, 1, LEFT, 0.8), (1, 1, FAR, 0.7), (2, 1, FAR, 0.4)])
    assert result.hints == [LabelHint(1, 1, 1.0), LabelHint(2, None, 0.0)]
    assert result.suspected == 2


def test_its_parts_belong_together():
    result = diagnosed([(1, 1, LEFT, 0.9), (1, 1, FAR, 0.95)])
    assert result.boxes.kinds.tolist() == [Kind.RIGHT, Kind.BACKGROUND]
    np.testing.assert_allclose(result.lost, [(1 / 2) / 2, 1 / 2])  # precision 1/2 in one class, 0 in the other
    assert {each.name: each.count for each in result.errors if each.count} == {"background": 1, "missed": 1}
    assert [(each.score, each.precision, each.detections) for each in result.calibration.bins] == [(0.925, 0.5, 2)]
    np.testing.assert_allclose(result.calibration.error, 0.425)
    assert set(result.intervals_of_sizes) == {"APs"}
    assert len(result.intervals.per_class) == 2


def test_sizes_have_intervals_unless_there_are_many_images():
    assert not diagnosed([(1, 1, LEFT, 0.9)], MOST_IMAGES + 1).intervals_of_sizes


def test_nothing_explains_scores_without_objects():
    assert diagnose(compared([(1, 1, LEFT, 1)], []), np.full([2, 2], 100.0), np.ones(2)) is None
