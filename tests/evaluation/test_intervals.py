"""Intervals of scores: the arithmetic of resampled images, and what is said about few of them."""

import json
import math

import numpy as np
import pytest

from detect.evaluation import matching_by_image
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import from_entries
from detect.evaluation.intervals import FEW_IMAGES, RESAMPLES, Interval, Intervals, describe, describe_few, intervals
from detect.evaluation.matching_by_image import Matched, average_precisions
from detect.evaluation.truth import truth_from_entries

IMAGES, CLASSES = 6, {3: "cat", 5: "dog"}


def drawn(seed: int = 0) -> tuple[list[dict], list[dict]]:
    """Return annotations and detections of some images; a few of the former are crowds, all scores differ."""
    random = np.random.default_rng(seed)
    true, found = [], []
    for image in range(1, IMAGES + 1):
        for category in random.choice([*CLASSES], 4):
            box = [*random.uniform(0, 200, 2), *random.uniform(20, 60, 2)]
            crowd = int(random.random() < 0.2)
            own = {"image_id": image, "category_id": int(category)}
            true.append({**own, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd})
            moved = (np.array(box) + random.uniform(-6, 6, 4)).tolist()
            wrong = [*random.uniform(0, 200, 2), 30.0, 30.0]
            found += [{**own, "bbox": each, "score": float(random.random())} for each in (moved, wrong)]
    return true, found


def chosen(entries: list[dict], images: list[int]) -> list[dict]:
    """Return the entries of copies of `images`, which are numbered from 1."""
    return [{**entry, "image_id": place} for place, image in enumerate(images, 1) for entry in entries
            if entry["image_id"] == image]  # fmt: skip


def scored(images: list[int], **options) -> Scores:
    true, found = (chosen(entries, images) for entries in drawn())
    return score(truth_from_entries(range(1, len(images) + 1), CLASSES, true), from_entries(found), **options)


def test_a_choice_of_images_is_scored_as_the_dataset_that_it_makes(monkeypatch):
    """Draws of images are scored as COCO scores these images, each as often as it was drawn."""
    monkeypatch.setattr(matching_by_image, "IMAGES_AT_A_TIME", 4)
    seen = []
    monkeypatch.setattr("detect.evaluation.coco_scores.intervals", lambda matched, images: seen.append(matched))
    assert scored([*range(1, IMAGES + 1)]).intervals is None
    (matched,) = seen
    for images in ([1, 2, 3, 4, 5, 6], [1, 1, 3, 3, 3, 6], [2, 2, 2, 2, 2, 2]):
        expected = scored(images)
        weights = np.bincount(np.array(images) - 1, minlength=IMAGES)[None]
        precisions = np.stack([average_precisions(own, weights)[0] for own in matched])
        np.testing.assert_allclose(precisions.mean(axis=1), [row["AP"] for row in expected.per_class.values()])
        np.testing.assert_allclose(precisions[:, 5].mean(), expected.AP75)


def alike(right: list[bool], objects: int = 1) -> Matched:
    """Return images with `objects` objects each and one detection, the best score first, all alike at each overlap."""
    rows = np.tile(np.array(right), [10, 1])
    scores = np.linspace(0.9, 0.1, len(right))
    return Matched(np.arange(len(right)), scores, rows, np.zeros_like(rows), np.full(len(right), objects))


def test_interval_by_hand():
    """One of two images is right and better: drawn twice AP is 1, the other one 0, both 51/101: a quarter of each."""
    found = intervals([alike([True, False])], 2)
    assert found == Intervals(2, *[Interval(0.0, 1.0)] * 3, (Interval(0.0, 1.0),))
    assert intervals([alike([True, True])], 2).AP50 == (1.0, 1.0)
    both = average_precisions(alike([True, False]), np.array([[1, 1]]))
    np.testing.assert_allclose(both, 51 / 101)


def test_classes_without_objects_do_not_count():
    nothing = Matched(np.zeros(0, np.int64), np.zeros(0), *[np.zeros([10, 0], bool)] * 2, np.zeros(2, np.int64))
    assert intervals([nothing], 2) is None
    both = intervals([nothing, alike([True, True])], 2)
    assert both.AP == both.per_class[1] == (1.0, 1.0)
    assert np.isnan(both.per_class[0]).all()
    assert np.isnan(average_precisions(alike([True, True]), np.array([[0, 0]]))).all()


def test_few_images_have_intervals_around_their_scores():
    scores = scored([*range(1, IMAGES + 1)])
    for name in ("AP", "AP50", "AP75"):
        low, high = getattr(scores.intervals, name)
        assert low < getattr(scores, name) < high
    assert json.loads(scores.to_json())["intervals"]["AP"] == list(scores.intervals.AP)
    assert "measured on 6 images" in scores.certainty
    assert "--folds 5" in scores.certainty


def test_many_images_have_intervals_where_they_are_asked_for():
    images = [1, 2, 3, 4, 5, 6] * 9
    assert len(images) >= FEW_IMAGES
    assert scored(images).intervals is None
    assert scored(images).certainty == ""
    assert "--folds" not in scored(images, with_intervals=True, advice="").certainty


def test_intervals_are_computed_where_they_are_read(monkeypatch):
    """In training, only the last scores are shown with them."""
    computed = []
    monkeypatch.setattr("detect.evaluation.coco_scores.intervals", lambda matched, images: computed.append(images))
    scores = scored([1, 2])
    assert not computed
    assert (scores.certainty, scores.intervals) == ("", None)
    assert computed == [2]


@pytest.mark.parametrize(("images", "is_said"), [(FEW_IMAGES - 1, True), (FEW_IMAGES, False)])
def test_few_images_are_said_to_be_few(images, is_said):
    assert ("--folds 5" in describe_few(images)) is is_said
    assert "--folds" not in describe_few(images, advice="")


def test_an_interval_in_words():
    text = describe(Intervals(60, *[Interval(0.25, 0.5)] * 3, ()), 0.4)
    assert "AP 0.400 is measured on 60 images" in text
    assert "between 0.250 and 0.500" in text
    assert f"{RESAMPLES:,}" in text


def test_without_objects_there_is_no_interval():
    scores = score(truth_from_entries((1,), CLASSES, []), from_entries([]))
    assert math.isnan(scores.AP)
    assert scores.intervals is None
