"""Images whose pixels are damaged: who stands in for them, and how they are counted."""

import pickle

import cv2
import numpy as np
import pytest
from damaged_files import damage
from records_of import records_of

from detect.data.problems import Problems
from detect.data.records import Record, Records
from detect.data.samples.checked_images import UnreadableImages, add_unreadable, read_checked
from detect.errors import BadInput


@pytest.fixture
def records(tmp_path) -> Records:
    """Four images of 40 x 30 pixels; image n has n boxes."""
    rng, images = np.random.default_rng(0), []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (30, 40, 3)).astype(np.uint8))
        boxes = np.tile(np.float32([[1, 2, 30, 20]]), (number, 1))
        columns = np.full(number, number), np.zeros(number, bool), np.ones(number)
        images.append(Record(path, number + 1, 40, 30, boxes, *columns))
    return records_of(images)


def test_the_next_readable_record_stands_in_in_a_circle():
    unreadable = UnreadableImages(4)
    assert [unreadable.stand_in(index) for index in range(4)] == [0, 1, 2, 3]
    for index in (1, 2, 3):
        unreadable.add(index)
    assert [unreadable.stand_in(index) for index in range(4)] == [0, 0, 0, 0]
    unreadable.add(0)
    with pytest.raises(BadInput, match=r"No image of the split can be read .4 tried"):
        unreadable.stand_in(2)


def test_others_share_what_was_found_out():
    """As a worker process does, which inherits the descriptor."""
    unreadable = UnreadableImages(300)
    shared = pickle.loads(pickle.dumps(unreadable))
    shared.add(299)
    assert 299 in unreadable
    assert unreadable.indices().tolist() == [299]


def test_the_readable_records_are_left(records):
    unreadable = UnreadableImages(4)
    assert unreadable.readable(records) is records
    unreadable.add(2)
    assert unreadable.readable(records).image_ids.tolist() == [1, 2, 4]


def test_unreadable_images_are_problems_with_a_reason(records):
    damage(records.image_path(2))
    problems = Problems(images_total=4, boxes_total=6)
    add_unreadable(problems, records, [1, 2])
    assert (problems.lost_images, problems.lost_boxes) == (2, 3)
    first, second = problems
    assert (first.where, first.what) == (str(records.image_path(1)), "the image could not be read")  # and now it can
    assert second.what.startswith("the image cannot be decoded")
    assert second.action == "left out with its boxes"


def test_an_image_of_another_size_than_annotated_is_an_error(records):
    cv2.imwrite(str(records.image_path(0)), np.zeros((20, 10, 3), np.uint8))
    with pytest.raises(BadInput, match=r"0\.png: the image is 10 x 20 pixels, its annotation is for 40 x 30"):
        read_checked(records[0])
