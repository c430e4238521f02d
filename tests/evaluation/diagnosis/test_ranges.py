"""Scores of the boxes in ranges of a property: of areas they are COCO's, of the others worked out by hand."""

import numpy as np
import pytest
from small_detections import compared

from detect.evaluation.coco_scores import score
from detect.evaluation.diagnosis.ranges import Property, by_range, properties

BOXES = [
    (1, 1, [0, 0, 10, 10], 0), (1, 1, [40, 40, 20, 20], 0), (1, 2, [0, 40, 60, 20], 0), (2, 2, [45, 45, 10, 10], 0)
]  # fmt: skip
FOUND = [
    (1, 1, [0, 0, 10, 9], 0.9),
    (1, 1, [40, 40, 20, 20], 0.8),
    (1, 2, [0, 0, 60, 20], 0.7),
    (2, 1, [0, 0, 5, 5], 0.6),
]
SIZES, SCALES = np.full([2, 2], 100.0), np.full(2, 2.0)


def rows(name: str) -> dict[str, tuple[int, float]]:
    """Return boxes and AP50 of each range."""
    pair = compared(BOXES, FOUND)
    (chosen,) = [each for each in properties(pair, SIZES, SCALES) if each.name == name]
    return {each.name: (each.boxes, each.AP50) for each in by_range(pair, chosen)}


def test_ranges_of_areas_are_scored_as_coco_scores_them():
    """Three times as large, the boxes are small, medium and large."""
    larger = [(image, category, [3 * side for side in box], last) for image, category, box, last in BOXES]
    detected = [(image, category, [3 * side for side in box], last) for image, category, box, last in FOUND]
    pair = compared(larger, detected)
    areas = Property(
        "area", pair.truth.areas, pair.found.boxes[:, 2:].prod(axis=1), (32.0**2, 96.0**2), ("s", "m", "l")
    )
    scores = score(*pair)
    assert {each.name: each.AP for each in by_range(pair, areas)} == {"s": scores.APs, "m": scores.APm, "l": scores.APl}
    assert 0 < scores.APs < scores.APm


def test_sizes_are_those_at_the_input_of_the_model():
    """Sides of 10, 20, 35 and 10 pixels, twice as large there."""
    assert rows("size at the model's input") == {
        "16 to 32 px": (2, pytest.approx(0.5)),  # the cat is found, the dog is not
        "32 to 64 px": (1, pytest.approx(1.0)),
        "64 to 128 px": (1, 0.0),
    }


def test_crowded_images():
    assert rows("objects in the image") == {"1": (1, 0.0), "2 to 4": (3, pytest.approx(0.5))}


def test_aspects_and_positions():
    assert {name: boxes for name, (boxes, _) in rows("width / height").items()} == {"about square": 3, "over 3:1": 1}
    assert {name: boxes for name, (boxes, _) in rows("position in the image").items()} == {
        "centre": 2, "between": 1, "near the border": 1
    }  # fmt: skip


def test_positions_are_left_out_where_sizes_are_not_known():
    names = [each.name for each in properties(compared(BOXES, FOUND), np.full([2, 2], np.nan), SCALES)]
    assert "position in the image" not in names
    assert len(names) == 3
