"""The confusion matrix, counted by hand."""

import numpy as np
import pytest

from detect.evaluation import confusion as module
from detect.evaluation.confusion import Confusion
from detect.evaluation.detections import from_entries
from detect.evaluation.truth import Truth, truth_from_entries

CATEGORIES = {1: "cat", 2: "dog"}  # rows and columns 0, 1; "nothing" is 2
LEFT, RIGHT = [0, 0, 10, 10], [100, 0, 10, 10]


def truth_of(*boxes) -> Truth:
    keys = ("image_id", "category_id", "bbox", "iscrowd")
    return truth_from_entries((1, 2), CATEGORIES, [dict(zip(keys, box, strict=True)) for box in boxes])


def confusion(truth: Truth, entries) -> Confusion:
    return module.confusion(truth, from_entries(entries))


def found(image_id, category_id, bbox, confidence=0.9):
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "score": confidence}


def test_right_wrong_missed_and_invented():
    truth = truth_of((1, 1, LEFT, 0), (1, 2, RIGHT, 0), (2, 2, LEFT, 0))
    detections = [found(1, 1, LEFT), found(1, 1, RIGHT), found(2, 1, RIGHT)]
    result = confusion(truth, detections)
    assert result.names == ("cat", "dog")
    assert result.counts.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]


def test_the_right_class_goes_before_a_larger_overlap():
    """The dog lies exactly on the object, the cat only roughly: the cat is correct, the dog is a false detection."""
    truth = truth_of((1, 1, LEFT, 0))
    result = confusion(truth, [found(1, 2, LEFT), found(1, 1, [0, 0, 10, 8])])
    assert result.counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_an_object_is_found_once():
    result = confusion(truth_of((1, 1, LEFT, 0)), [found(1, 1, LEFT), found(1, 1, LEFT)])
    assert result.counts.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_low_confidence_and_small_overlap_do_not_pair():
    detections = [found(1, 1, LEFT, 0.2), found(1, 1, [0, 0, 10, 4.9])]
    assert confusion(truth_of((1, 1, LEFT, 0)), detections).counts.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_crowds_are_neither_objects_nor_mistakes():
    truth = truth_of((1, 1, [0, 0, 100, 100], 1))
    result = confusion(
        truth, [found(1, 2, [90, 50, 19, 10]), found(1, 2, [95, 50, 20, 10])]
    )  # 10/19, 5/20 of them on it
    assert result.counts.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("boxes", [(), ((1, 1, LEFT, 0),)])
def test_without_detections(boxes):
    assert confusion(truth_of(*boxes), []).counts.sum() == len(boxes)


def test_counts_add_up():
    """Every object is in one row once, every counted detection in one column once."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 40, (60, 4)).round(1) + np.array([0, 0, 5, 5])
    labels = rng.integers(1, 3, 60)
    boxes = [(1, int(label), box.tolist(), 0) for label, box in zip(labels[:30], corners[:30], strict=True)]
    detections = [found(1, int(label), box.tolist()) for label, box in zip(labels[30:], corners[30:], strict=True)]
    counts = confusion(truth_of(*boxes), detections).counts
    assert counts[:2].sum(axis=1).tolist() == [int((labels[:30] == 1).sum()), int((labels[:30] == 2).sum())]
    assert counts[:, :2].sum(axis=0).tolist() == [int((labels[30:] == 1).sum()), int((labels[30:] == 2).sum())]
