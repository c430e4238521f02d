"""The check of a dataset for a model, with boxes whose overlaps are worked by hand."""

from pathlib import Path

import numpy as np
import pytest

from detect import models
from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Severity, Subject
from detect.data.problems import Problems
from detect.data.records import Records
from detect.data.texts import Texts
from detect.models.detector import Detector
from detect.models.matchable_boxes import fitting_size, matchable, matchable_check, size_table

CLASSES = ("dot", "disc")


@pytest.fixture(scope="module")
def retinanet() -> Detector:
    """Its smallest anchors have 32 x 32, 46 x 22 and 22 x 46 pixels, around corners of cells of 8 pixels."""
    return models.without_weights("retinanet-r18", 1)


def records_of(boxes: list, ignored: int = 0, sizes=((640, 480), (320, 160))) -> Records:
    """Return records of two images. The second has the last box, and the last boxes of all are `ignored`."""
    count = len(boxes)
    boxes = np.float32(boxes).reshape(-1, 4)
    return Records(
        folder="images",
        paths=Texts(["a.jpg", "b.jpg"]),
        image_ids=np.arange(2),
        sizes=np.int32(sizes),
        box_ends=np.array([count - 1, count]),
        boxes=boxes,
        labels=np.int32(np.arange(count) >= count - 1),
        ignore=np.arange(count) >= count - ignored,
        areas=np.ones(count),
    )


def dataset_of(**splits: Records) -> Dataset:
    return Dataset(Path("set"), "test data", CLASSES, (1, 2), splits, {split: Problems() for split in splits}, ())


def findings(records: Records, detector: Detector, image_size: int = 640) -> list:
    return list(matchable_check("retinanet-r18", detector).findings(Subject(dataset_of(train=records), {}, image_size)))


def test_boxes_are_scaled_with_their_images(retinanet):
    # Both are squares of 16 pixels. The first image stays as it is: 16 x 16 of 32 x 32 pixels is a quarter. The second
    # is fitted into twice its size: 32 x 32 pixels, around (160, 160), a corner of cells.
    records = records_of([[152, 152, 168, 168], [72, 72, 88, 88]])
    assert matchable(retinanet, records, 640).tolist() == [False, True]
    assert matchable(retinanet, records, 1280).tolist() == [True, True]


def test_the_size_at_which_boxes_match(retinanet):
    # 16 x 16 pixels around (160, 160) become 22.4 x 22.4 at 896 pixels, which is 502 / 1024 of an anchor, and at 928
    # pixels 23.2 x 23.2 around (232, 232), a corner of cells: 538 / 1024.
    records = records_of([[152, 152, 168, 168]] * 2, ignored=1, sizes=((640, 480), (640, 480)))
    size, share = fitting_size(retinanet, records)
    assert (size, share) == (928, 1.0)


def test_the_best_size_where_none_is_enough(retinanet):
    # A line of one pixel never overlaps an anchor by half. The square is as large as an anchor of 512 pixels at 512.
    records = records_of([[0, 0, 640, 1], [0, 0, 640, 640]], sizes=((640, 640), (640, 640)))
    size, share = fitting_size(retinanet, records)
    assert share == 0.5
    assert matchable(retinanet, records, size).tolist() == [False, True]


def test_a_finding_counts_and_names_classes_and_size(retinanet):
    records = records_of([[152, 152, 168, 168]] * 3 + [[72, 72, 88, 88]])
    (finding,) = findings(records, retinanet)
    assert (finding.code, finding.severity, finding.split) == ("unmatchable-boxes", Severity.WARNING, "train")
    assert finding.count == 3
    assert "75.0% of the boxes match no anchor or point of retinanet-r18 at 640 pixels, of dot (3); at " in finding.what
    assert [example.image for example in finding.examples] == [str(Path("images/a.jpg"))] * 3
    assert finding.examples[0].boxes == ((152, 152, 168, 168),)


def test_the_shares_of_several_sizes(retinanet):
    """The first box is as large as an anchor at 1280 pixels, the second one at 640. In "val" nothing counts."""
    dataset = dataset_of(train=records_of([[152, 152, 168, 168], [72, 72, 88, 88]]), val=records_of([[0] * 4] * 2, 2))
    table = size_table("retinanet-r18", retinanet, dataset, 672)
    assert table.columns == ("image size", "train", "val")
    assert [row[0] for row in table.rows] == ["320", "416", "512", "640", "672", "800", "1024", "1280"]
    shares = {row[0]: row[1:] for row in table.rows}
    assert (shares["640"], shares["1280"]) == (("50.0%", "-"), ("100.0%", "-"))


def test_nothing_to_find(retinanet):
    assert findings(records_of([[144, 144, 176, 176], [72, 72, 88, 88]]), retinanet) == []
    assert findings(records_of([[152, 152, 168, 168]] * 2, ignored=2), retinanet) == []
