"""Kinds of errors, of one detection of each kind."""

import pytest

from detect.evaluation.detections import from_entries
from detect.evaluation.diagnosis.error_kinds import error_kinds
from detect.evaluation.truth import truth_from_entries

CAT, DOG = 1, 2


def entry(image, category, box, score=None):
    values = {"image_id": image, "category_id": category, "bbox": box}
    return values if score is None else {**values, "score": score}


def test_each_error_is_of_its_kind():
    box, half_beside = [10, 10, 20, 20], [20, 10, 20, 20]
    truth = truth_from_entries(
        [1, 2, 3, 4], {CAT: "cat", DOG: "dog"}, [*(entry(image, CAT, box) for image in (1, 2, 3, 4))]
    )
    found = from_entries(
        [
            entry(1, CAT, box, 0.9),
            entry(1, CAT, box, 0.6),  # again
            entry(1, CAT, [100, 100, 20, 20], 0.95),  # nothing there
            entry(2, CAT, half_beside, 0.8),  # an overlap of a third
            entry(3, DOG, box, 0.7),
        ]
    )
    kinds = {kind.name: kind for kind in error_kinds(truth, found)}
    counts = {name: kind.count for name, kind in kinds.items()}
    assert counts == {"class": 1, "box": 1, "class and box": 0, "duplicate": 1, "background": 1, "missed": 1}
    assert kinds["class and box"].gain == 0
    assert [kind.gain for kind in kinds.values()] == sorted((kind.gain for kind in kinds.values()), reverse=True)


def test_without_the_false_detections_precision_is_whole():
    """One cat of two is found, behind a false detection: precision at the found half of the recall is 1/2, then 1."""
    truth = truth_from_entries([1, 2], {CAT: "cat"}, [entry(image, CAT, [10, 10, 20, 20]) for image in (1, 2)])
    found = from_entries([entry(1, CAT, [10, 10, 20, 20], 0.5), entry(2, CAT, [100, 100, 20, 20], 0.9)])
    gains = {kind.name: kind.gain for kind in error_kinds(truth, found)}
    recalls = 51 / 101  # the recalls 0, 0.01 ... 0.50
    assert gains["background"] == pytest.approx(recalls - recalls / 2)
