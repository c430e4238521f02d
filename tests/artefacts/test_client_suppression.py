"""Suppression in NumPy keeps the boxes that the detectors' own keeps."""

import numpy as np
import pytest

from detect.artefacts.client_suppression import best_detections
from detect.models.suppression import Suppression
from detect.ops.boxes import clip
from detect.ops.nms import non_maximum_suppression
from detect.ops.soft_suppression import soft_nms
from detect.structures import Candidates

EXTENTS = np.float32([[90, 100], [60, 40]])
GREEDY = Suppression(max_detections=20, candidates=None, clips_first=True, soft_sigma=None)
LIMITS = {"max_detections": 20, "candidates": 1000}


def candidates(classes=(), seed=0):
    """60 boxes of two images, some beyond their edges and some equally good, and 3 classes."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-10, 80, (2, 60, *classes, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, corners.shape)], axis=-1).astype(np.float32)
    return Candidates(boxes, rng.integers(0, 50, (2, 60, 3)).astype(np.float32) / 50)


def check_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("confidence", [0.3, 0.97])
@pytest.mark.parametrize("classes", [(), (3,)])
def test_greedy(classes, confidence):
    boxes, scores = candidates(classes)
    found = best_detections(Candidates(boxes, scores), EXTENTS, GREEDY, confidence, 0.4)
    expected = non_maximum_suppression(clip(boxes, EXTENTS), scores, iou=0.4, confidence=confidence, **LIMITS)
    check_same(found, expected)
    assert (found.labels == -1).any() == (confidence == 0.97)  # in some rows, few are left


def test_boxes_may_be_cut_after_it():
    boxes, scores = candidates()
    rules = GREEDY.model_copy(update={"clips_first": False})
    found = best_detections(Candidates(boxes, scores), EXTENTS, rules, 0.3, 0.4)
    expected = non_maximum_suppression(boxes, scores, iou=0.4, confidence=0.3, **LIMITS)
    check_same(found, expected._replace(boxes=clip(expected.boxes, EXTENTS)))


@pytest.mark.parametrize("limit", [1000, 15])
def test_soft(limit):
    boxes, scores = candidates()
    rules = Suppression(max_detections=20, candidates=limit, clips_first=False, soft_sigma=0.5)
    found = best_detections(Candidates(boxes, scores), EXTENTS, rules, 0.1, 0.4)
    expected = soft_nms(boxes, scores, confidence=0.1, max_detections=20, candidates=limit, sigma=0.5)
    check_same(found, expected._replace(boxes=clip(expected.boxes, EXTENTS)))


def test_nothing_is_above_the_confidence():
    found = best_detections(candidates(), EXTENTS, GREEDY, 1.0, 0.5)
    assert found.boxes.shape == (2, 20, 4)
    assert (found.labels == -1).all()
    assert not found.boxes.any()
