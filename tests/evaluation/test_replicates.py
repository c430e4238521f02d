"""AP of draws of the images, against scoring, and standard errors by hand."""

import numpy as np
import pytest

from detect.evaluation import intervals
from detect.evaluation.coco_scores import score
from detect.evaluation.detections import from_entries
from detect.evaluation.replicates import DRAWS, replicates, standard_error
from detect.evaluation.truth import truth_from_entries

NAMES = {1: "cat", 2: "dog"}


def scene(images):
    """Return truth and detections of images with a cat each, of which every third is not found."""
    objects = [{"image_id": image, "category_id": 1, "bbox": [10, 10, 20, 20]} for image in images]
    found = [{**entry, "score": 0.9 - 0.1 * entry["image_id"]} for entry in objects]
    for entry in found[1::3]:
        entry["bbox"] = [60, 60, 20, 20]
    return truth_from_entries(images, NAMES, objects), from_entries(found)


def test_the_first_row_is_the_score():
    truth, found = scene(range(1, 8))
    rows = replicates(truth, found)
    assert rows.shape == (1 + DRAWS, 3)
    assert rows[0, 0] == rows[0, 1] == pytest.approx(score(truth, found).AP)
    assert np.isnan(rows[:, 2]).all()  # no dogs


def test_draws_are_the_same_for_all_models():
    truth, found = scene(range(1, 8))
    worse = found.select(found.scores > 0.4)
    assert np.all(replicates(truth, worse)[:, 0] <= replicates(truth, found)[:, 0])


def test_draws_do_not_depend_on_how_many_are_in_memory(monkeypatch):
    """Models with more detections than others are scored with fewer draws at a time, on the same draws."""
    truth, found = scene(range(1, 8))
    together = replicates(truth, found)
    monkeypatch.setattr(intervals, "NUMBERS_AT_A_TIME", 21)  # three draws of seven images
    np.testing.assert_array_equal(replicates(truth, found), together)


def test_the_standard_error_is_the_deviation_of_the_draws():
    values = np.array([[9.0, 9.0, 9.0], [2.0, 1.0, np.nan], [4.0, np.nan, np.nan], [9.0, 3.0, 5.0]])
    first, second, third = standard_error(values)
    assert first == pytest.approx(np.std([2, 4, 9], ddof=1))
    assert second == pytest.approx(np.std([1, 3], ddof=1))
    assert np.isnan(third)
