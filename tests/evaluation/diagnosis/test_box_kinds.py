"""The kind of each detection: by hand, and as many of each as hotcoco counts."""

from collections import Counter

import numpy as np
from small_detections import compared

from detect.evaluation.coco_scores import Compared, evaluation_of
from detect.evaluation.detections import Found
from detect.evaluation.diagnosis.box_kinds import Kind, box_kinds
from detect.evaluation.truth import Truth

LEFT, FAR = [0, 0, 10, 10], [100, 100, 10, 10]


def kinds_of(pair: Compared):
    return box_kinds(pair, evaluation_of(*pair).image_diagnostics(iou_thr=0.5))


def test_every_kind_by_hand():
    boxes = [(1, 1, LEFT, 0), (2, 2, LEFT, 0)]
    found = [
        (1, 1, LEFT, 0.9),
        (1, 1, [0, 0, 10, 9], 0.8),  # again
        (1, 1, [0, 0, 10, 4], 0.7),  # IoU 0.4
        (1, 2, LEFT, 0.6),
        (1, 2, [0, 0, 10, 4], 0.5),
        (1, 1, FAR, 0.4),
    ]
    result = kinds_of(compared(boxes, found))
    expected = [Kind.RIGHT, Kind.DUPLICATE, Kind.BOX, Kind.CLASS, Kind.CLASS_AND_BOX, Kind.BACKGROUND]
    assert result.kinds.tolist() == expected
    assert result.found_by.tolist() == [0, -1]


def test_detections_on_crowds_are_ignored():
    result = kinds_of(compared([(1, 1, LEFT, 1), (2, 1, LEFT, 0)], [(1, 1, LEFT, 0.9)]))
    assert result.kinds.tolist() == [Kind.IGNORED]
    assert result.found_by.tolist() == [-1, -1]


def test_nothing_was_detected():
    result = kinds_of(compared([(1, 1, LEFT, 0)], []))
    assert (len(result.kinds), result.found_by.tolist()) == (0, [-1])


def test_there_are_as_many_of_each_kind_as_hotcoco_counts():
    """200 random boxes in 20 images, most of which are detected, moved and with other classes."""
    random = np.random.default_rng(0)
    boxes = np.concatenate([random.uniform(0, 60, (200, 2)), random.uniform(10, 30, (200, 2))], axis=1)
    images, classes = random.integers(0, 20, 200), random.integers(0, 2, 200)
    truth = Truth(np.arange(20), np.arange(2), ("a", "b"), images, classes, boxes, boxes[:, 2:].prod(axis=1),
                  np.zeros(200, bool))  # fmt: skip
    moved = boxes + random.normal(0, 4, boxes.shape) * [1, 1, 0, 0]
    found = Found(images, np.where(random.random(200) < 0.7, classes, 1 - classes), moved, random.random(200))
    pair = Compared(truth, found)
    counted = evaluation_of(*pair).tide_errors()["counts"]
    names = {
        Kind.CLASS: "Cls",
        Kind.BOX: "Loc",
        Kind.CLASS_AND_BOX: "Both",
        Kind.DUPLICATE: "Dupe",
        Kind.BACKGROUND: "Bkg",
    }
    counts = Counter(kinds_of(pair).kinds.tolist())
    assert {name: counts[kind] for kind, name in names.items()} == {name: counted[name] for name in names.values()}
    assert min(counted[name] for name in ("Cls", "Loc", "Both", "Bkg")) > 0
