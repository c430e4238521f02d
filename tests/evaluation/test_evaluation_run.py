"""From records through batches and a detector to scores: sizes, padding, classes and truth."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from damaged_files import damage
from records_of import records_of

from detect.data.pixels.resizing import Fit, letterbox
from detect.data.pixels.tiles import Tiling
from detect.data.records import Record
from detect.data.samples.checked_images import UnreadableImages
from detect.errors import BadInput
from detect.evaluation.coco_scores import score
from detect.evaluation.detections import joined
from detect.evaluation.evaluation_run import find, match_classes, score_batches
from detect.evaluation.results_file import evaluate_predictions
from detect.evaluation.truth import truth_from_records
from detect.inference.views import Views
from detect.structures import Detections

SIDE = 64  # of the batches
SIZES = [(100, 50), (30, 60), (64, 64), (200, 200), (31, 17)]  # width, height of the images
CLASSES, CATEGORY_IDS = ("cat", "dog"), (3, 9)


@pytest.fixture
def records(tmp_path):
    """Five images, the position of each written in grey in its top-left corner; two boxes in each but the last."""
    images, rng = [], np.random.default_rng(0)
    for position, (width, height) in enumerate(SIZES):
        path = tmp_path / f"{position}.png"
        cv2.imwrite(str(path), np.full((height, width, 3), 10 * position, np.uint8))
        corners = rng.uniform(0, 0.5, (2, 2)) * (width, height)
        boxes = np.concatenate([corners, corners + np.array([width, height]) * 0.4], axis=1).astype(np.float32)
        boxes = boxes[: 0 if position == 4 else 2]
        labels = np.array([0, 1], np.int32)[: len(boxes)]
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64)
        images.append(Record(path, 100 + position, width, height, boxes, labels, np.zeros(len(boxes), bool), areas))
    return records_of(images)


def on_rectangles(height, width):
    """Short sides of 64, canvases of several shapes."""
    return Fit(kind="shortest", longest=120, resampling="linear").placement(height, width, SIDE, divisor=32)


class PerfectDetector:
    """Recognise each image by its grey value, and return its true boxes in pixels of the batch."""

    def __init__(self, records, placing=None):
        self.records = records
        self.placing = placing or letterbox(SIDE)
        self.batch_shapes = []

    def __call__(self, images: tf.Tensor, extents: np.ndarray) -> Detections:
        self.batch_shapes.append(tuple(images.shape))
        boxes = np.zeros((len(images), 4, 4), np.float32)
        labels = np.full((len(images), 4), -1, np.int32)
        for row, image in enumerate(images.numpy()):
            position = round(float(image[0, 0, 0]) / 10)
            if position < len(self.records):
                record = self.records[position]
                count = len(record.boxes)
                boxes[row, :count] = record.boxes * self.placing(record.height, record.width).scales
                labels[row, :count] = record.labels
        return Detections(tf.constant(boxes), tf.constant(np.where(labels >= 0, 0.9, 0.0)), tf.constant(labels))


def test_true_boxes_score_one_whatever_the_image_sizes(records):
    detector, progress = PerfectDetector(records), []
    scores = score_batches(
        detector, records, SIDE, CLASSES, CATEGORY_IDS, 2, lambda done, total: progress.append((done, total))
    )
    np.testing.assert_allclose([scores.AP, scores.AR100], 1)
    assert [row["boxes"] for row in scores.per_class.values()] == [4, 4]
    assert detector.batch_shapes == [(2, SIDE, SIDE, 3), (2, SIDE, SIDE, 3), (1, SIDE, SIDE, 3)]
    assert progress == [(2, 5), (4, 5), (5, 5)]


def test_images_that_cannot_be_read_are_left_out_with_their_boxes(records):
    for index in (0, 1, 3):
        damage(records.image_path(index))
    unreadable = UnreadableImages(5)
    detector = PerfectDetector(records)
    scores = score_batches(detector, records, SIDE, CLASSES, CATEGORY_IDS, 2, unreadable=unreadable)
    np.testing.assert_allclose([scores.AP, scores.AR100], 1)
    assert [row["boxes"] for row in scores.per_class.values()] == [1, 1]
    assert detector.batch_shapes == [(1, SIDE, SIDE, 3), (1, SIDE, SIDE, 3)]  # none of the first batch
    assert unreadable.indices().tolist() == [0, 1, 3]


def test_images_of_one_canvas_are_scored_together(records):
    """Short sides of 64: 60 x 120 of the first and 120 x 60 of the second, 64 x 64 twice, 64 x 116 of the last."""
    detector = PerfectDetector(records, on_rectangles)
    scores = score_batches(detector, records, on_rectangles, CLASSES, CATEGORY_IDS, 2)
    np.testing.assert_allclose([scores.AP, scores.AR100], 1)
    assert detector.batch_shapes == [(2, 64, 128, 3), (1, 128, 64, 3), (2, 64, 64, 3)]


def test_found_boxes_are_in_pixels_of_the_source(records):
    found = joined(find(PerfectDetector(records), records, SIDE, CATEGORY_IDS, 2))
    assert found.image_ids.tolist() == [100, 100, 101, 101, 102, 102, 103, 103]
    assert found.category_ids.tolist() == [3, 9] * 4
    corners = records[3].boxes[1]
    expected = [*corners[:2], *(corners[2:] - corners[:2])]
    np.testing.assert_allclose(found.boxes[7], expected, atol=1e-4)
    assert found.scores[7] == pytest.approx(0.9)


def test_the_truth_is_the_records_not_what_fits_into_a_batch(records):
    """A detector that detects nothing misses all 8 boxes; images without boxes do not count."""

    def nothing(images, extents):
        batch = len(images)
        return Detections(tf.zeros([batch, 0, 4]), tf.zeros([batch, 0]), tf.zeros([batch, 0], tf.int32))

    scores = score_batches(nothing, records, SIDE, CLASSES, CATEGORY_IDS, 4)
    assert scores.AP == 0.0
    assert scores.confusion.counts.tolist() == [[0, 0, 4], [0, 0, 4], [0, 0, 0]]


@pytest.mark.parametrize("shard", [(0, 1), (0, 2), (1, 2)])
def test_what_tiles_show_is_in_pixels_of_whole_images(tmp_path, shard):
    """White boxes on black, found by their pixels in tiles of 32, also where a tile cuts them; one file is damaged."""
    boxes = np.float32([[70, 40, 76, 45], [10, 20, 90, 55], [0, 0, 3, 60], [5, 5, 9, 9]])
    images = []
    for position, (x1, y1, x2, y2) in enumerate(boxes.astype(int).tolist()):
        image = np.zeros((60, 100, 3), np.uint8)
        image[y1:y2, x1:x2] = 255
        path = tmp_path / f"{position}.png"
        cv2.imwrite(str(path), image)
        own = boxes[position : position + 1]
        images.append(Record(path, position, 100, 60, own, np.int32([1]), np.array([False]), np.zeros(1)))
    damage(images[3].image_path)
    records, unreadable = records_of(images), UnreadableImages(4)
    views = Views(lambda height, width, trimmed=False: letterbox(32)(height, width), Tiling(tile=32))
    found = joined(find(find_white, records, views, CATEGORY_IDS, 3, unreadable=unreadable, shard=shard))
    expected = [position for position in range(shard[0], 4, shard[1]) if position != 3]
    assert found.image_ids.tolist() == expected
    assert found.category_ids.tolist() == [9] * len(expected)
    x1, y1, width, height = found.boxes.T
    assert np.column_stack([x1, y1, x1 + width, y1 + height]).tolist() == boxes[expected].tolist()
    assert unreadable.indices().tolist() == ([3] if 3 % shard[1] == shard[0] else [])


def test_tiles_find_what_is_lost_in_the_whole_image(tmp_path):
    """Dogs of 6 pixels in images of 320 x 240 are less than a pixel of 32 x 24: grey, and not white."""
    rng, images = np.random.default_rng(0), []
    for position in range(4):
        x, y = rng.integers(0, (314, 234)).tolist()
        image = np.zeros((240, 320, 3), np.uint8)
        image[y : y + 6, x : x + 6] = 255
        path = tmp_path / f"{position}.png"
        cv2.imwrite(str(path), image)
        box = np.array([[x, y, x + 6, y + 6]], np.float32)
        images.append(Record(path, position, 320, 240, box, np.array([1]), np.array([False]), np.array([36.0])))
    records = records_of(images)
    truth = truth_from_records(records, CLASSES, CATEGORY_IDS)
    views = (Views(lambda *size: letterbox(32)(*size[:2]), tiling) for tiling in (None, Tiling(tile=32)))
    resized, tiled = (score(truth, joined(find(find_white, records, seen, CATEGORY_IDS, 8))).AP for seen in views)
    assert resized == 0
    assert tiled == pytest.approx(1)


def find_white(images, extents):
    """Detect the hull of all white pixels of each image as a dog."""
    boxes, labels = np.zeros((len(images), 1, 4), np.float32), np.full((len(images), 1), -1, np.int32)
    for row, image in enumerate(np.asarray(images)):
        places = np.argwhere(image[..., 0] == 255)[:, ::-1]
        if len(places):
            boxes[row, 0], labels[row] = [*places.min(axis=0), *places.max(axis=0) + 1], 1
    return Detections(boxes, np.where(labels >= 0, 0.9, 0).astype(np.float32), labels)


def test_classes_are_matched_by_name():
    labels, notes = match_classes(("dog", "car", "cat"), ("cat", "dog", "bird"))
    assert labels.tolist() == [1, -1, 0, -1]
    assert labels[np.array([0, 1, 2, -1])].tolist() == [1, -1, 0, -1]
    assert notes == [
        "Left out of the scores, because only the model has these classes: car.",
        "Counted as missed, because only the data has these classes: bird.",
    ]
    assert match_classes(("a", "b"), ("a", "b"))[1] == []


def test_no_common_class_is_bad_input():
    with pytest.raises(BadInput, match=r"the model detects class 0, .* and 2 more; the data has cat\."):
        match_classes([f"class {number}" for number in range(12)], ["cat"])


def test_predictions_on_a_coco_file_need_no_images(fixtures):
    folder = fixtures / "coco"
    scores = evaluate_predictions(
        folder / "instances_val2014_fakebbox100_results.json", folder / "instances_val2014_100.json"
    )
    assert f"{scores.AP:.10f}" == "0.5045806987"


def test_predictions_on_a_voc_folder(fixtures, tmp_path: Path):
    """Image ids of a dataset without ids are positions from 1. A box that is stated twice counts twice."""
    path = tmp_path / "results.json"
    path.write_text('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}]')
    scores = evaluate_predictions(path, fixtures / "bccd")
    assert scores.AP == 0.0
    assert sum(row["boxes"] for row in scores.per_class.values()) == 37
    assert "The scores count 1 box that training leaves out" in "".join(scores.notes)
