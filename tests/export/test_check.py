"""The comparison of an artefact with its original, by hand."""

from pathlib import Path

import numpy as np
import pytest
from records_of import records_of

from detect.artefacts.export_card import Check
from detect.data.records import Record
from detect.export.check import compare, fault_of, worth_of_scores
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.structures import Detections

CARD = ModelCard(model="", config={}, classes=("a", "b", "c"), category_ids=(1, 2, 3), image_size=32)
SQUARE, WIDE = (4.0, 4.0, 14.0, 14.0), (0.0, 0.0, 30.0, 10.0)


class Fixed:
    """A back end that finds the same rows (box, score, label) in every image."""

    name, confidence, iou, batch_size, size_divisor, smallest_side, canvases = "fixed", 0.1, 0.5, 1, 32, 32, ((32, 32),)

    def __init__(self, *rows, room: int = 4):
        self.rows, self.room = rows, room

    def detect(self, images, extents, confidence, iou):
        rows = [row for row in self.rows if row[1] > confidence]
        rows += [((0.0, 0.0, 0.0, 0.0), 0.0, -1)] * (self.room - len(rows))
        boxes, scores, labels = zip(*rows, strict=True)
        return Detections(np.float32(boxes)[None], np.float32(scores)[None], np.int32(labels)[None])


def compared(ours: Fixed, theirs: Fixed) -> Check:
    return compare(Model(theirs, CARD), Model(ours, CARD), [np.zeros((32, 32, 3), np.uint8)] * 2, "nothing")


def test_the_same():
    found = Fixed((SQUARE, 0.9, 0), (WIDE, 0.5, 1), (SQUARE, 0.2, 1))
    check = compared(found, found)
    assert (check.images, check.detections, check.unmatched) == (2, 6, 0)
    assert (check.box_difference, check.score_difference) == (0, 0)
    assert fault_of(check, "float32", None) == ""


def test_moved_renamed_and_missing():
    original = Fixed((SQUARE, 0.9, 0), (WIDE, 0.5, 1), (WIDE, 0.3, 0))
    moved = tuple(edge + 0.25 for edge in SQUARE)
    check = compared(Fixed((moved, 0.85, 0), (WIDE, 0.5, 2)), original)
    assert check.unmatched == 2 * 3  # two of the original, and one that is called c
    assert check.box_difference == pytest.approx(0.25)
    assert check.score_difference == pytest.approx(0.05)
    assert "scores differ by up to 0.05" in fault_of(check, "float32", None)


def test_confident_detections():
    """Of both sides from 0.25; one that the other side scores lower has a match, one that it has not is alone."""
    original = Fixed((SQUARE, 0.9, 0), (WIDE, 0.6, 1), (SQUARE, 0.3, 2), (WIDE, 0.2, 0))
    moved = tuple(edge + 1 for edge in SQUARE)
    check = compared(Fixed((moved, 0.8, 0), (WIDE, 0.2, 1), (WIDE, 0.15, 0)), original).confident
    assert (check.confidence, check.detections, check.unmatched) == (0.25, 2 * 3, 2)
    assert (check.box_median, check.box_difference) == (0.5, 1)  # one by 1, the other by 0
    assert (check.score_median, check.score_difference) == pytest.approx((0.25, 0.4))
    assert compared(Fixed((SQUARE, 0.2, 0)), Fixed((SQUARE, 0.2, 0))).confident.detections == 0


def test_the_end_of_a_list_may_differ():
    """Below the worst of a full list, and close to the threshold, nothing is expected of the other side."""
    full = Fixed((SQUARE, 0.9, 0), (WIDE, 0.5, 1), room=2)
    assert compared(full, Fixed((SQUARE, 0.9, 0), (WIDE, 0.5, 1), (WIDE, 0.4, 0), room=3)).unmatched == 0
    assert compared(Fixed((SQUARE, 0.9, 0)), Fixed((SQUARE, 0.9, 0), (WIDE, 0.101, 0))).unmatched == 0


def test_where_nothing_reaches_the_confidence_of_scoring_worse_is_compared():
    weak = Fixed((SQUARE, 0.05, 0), (WIDE, 0.03, 1), (SQUARE, 0.02, 2), room=3)
    assert compared(weak, weak).detections == 2 * 2  # down to the median, 0.03
    assert compared(Fixed((SQUARE, 0.05, 1), room=3), weak).unmatched == 2 * 2  # the best of either


def test_faults():
    same = {"shown": "", "box_difference": 0.0, "seconds": 1.0, "seconds_of_original": 1.0}
    found = Check(images=1, detections=100, unmatched=1, score_difference=0.0, **same)
    assert fault_of(found, "float32", None) == "1 of 100 detections are on one side only"
    assert fault_of(found, "float16", None) == ""
    scored = found.model_copy(update={"AP": 0.498, "AP_of_original": 0.5})
    assert fault_of(scored, "float32", None) == "it loses 0.20 points of AP, more than 0.1"
    assert fault_of(scored, "float16", None) == fault_of(scored, "float32", 0.25) == ""
    weak = found.model_copy(update={"AP": 0.001, "AP_of_original": 0.001, "unmatched": 3})
    assert fault_of(weak, "float32", None) == "3 of 100 detections are on one side only"
    assert fault_of(weak, "float16", None) == ""


def test_a_note_says_what_the_scores_of_few_objects_are_worth():
    nothing = np.zeros(25, np.int32), np.arange(25) >= 20, np.ones(25)
    records = records_of([Record(Path("a.png"), 1, 9, 9, np.ones((25, 4), np.float32), *nothing)] * 2)
    note = worth_of_scores(records, "int8", None)
    assert "2 images with 40 objects, each of which is worth up to 2.5 points: a loss of 0.5 points cannot" in note
    assert worth_of_scores(records, "int8", 2.5) == worth_of_scores(records, "float32", None) == ""
    assert worth_of_scores(records[:0], "int8", None) == ""
