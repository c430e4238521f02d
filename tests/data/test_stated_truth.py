"""Boxes as annotation files state them, through everything that is done with records."""

from pathlib import Path

import numpy as np
import pytest
from records_of import records_of

from detect.data.readers.assembly.box_forms import Form, to_corners, to_sizes
from detect.data.records import Record, concatenated
from detect.data.stated_truth import StatedTruth, joined_truths


@pytest.fixture
def truth() -> StatedTruth:
    """Two boxes in the first image, none in the second, one in the third."""
    boxes = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], np.float64)
    ignore = np.array([False, True, False])
    return StatedTruth(np.array([2, 2, 3]), boxes, np.array([0, 1, 0], np.int32), ignore, np.array([12.0, 0, 132]))


def test_images_are_selected_in_any_order(truth):
    chosen = truth.select(np.array([2, 1, 0]))
    assert chosen.boxes[:, 0].tolist() == [9, 1, 5]
    assert chosen.images.tolist() == [0, 2, 2]
    assert chosen.areas.tolist() == [132, 12, 0]


def test_labels_are_replaced_or_left_out(truth):
    left = truth.relabelled(np.array([3, -1]))
    assert left.labels.tolist() == [3, 3]
    assert left.box_ends.tolist() == [1, 1, 2]


def test_parts_are_joined_in_order(truth):
    both = joined_truths([truth, truth])
    assert both.images.tolist() == [0, 0, 2, 3, 3, 5]
    assert both.boxes[3:].tolist() == truth.boxes.tolist()


def test_what_is_the_same_is_kept_once(truth):
    assert truth.unless_same(truth) is None
    moved = StatedTruth(truth.box_ends.copy(), truth.boxes + 1, truth.labels.copy(), truth.ignore, truth.areas)
    kept = moved.unless_same(truth)
    assert kept.labels is truth.labels
    assert kept.boxes.tolist() == moved.boxes.tolist()


def test_records_without_another_truth_are_scored_against_their_boxes(truth):
    boxes, none = np.array([[1, 2, 4, 6]], np.float32), np.zeros(1)
    records = records_of([Record(Path("a.jpg"), 1, 8, 8, boxes, none, none, np.array([7.0]))])
    assert records.stated_truth().boxes.tolist() == [[1, 2, 3, 4]]
    assert records.stated_truth().areas.tolist() == [7]
    assert concatenated([records, records]).stated is None


@pytest.mark.parametrize(
    ("form", "stated"),
    [(Form.CORNERS, [2, 4, 12, 24]), (Form.SIZE, [2, 4, 10, 20]), (Form.CENTRE, [7, 14, 10, 20])],
)
def test_a_box_in_three_forms(form, stated):
    boxes = np.array([stated], np.float64)
    assert to_sizes(boxes, form).tolist() == [[2, 4, 10, 20]]
    to_corners(boxes, form)
    assert boxes.tolist() == [[2, 4, 12, 24]]
