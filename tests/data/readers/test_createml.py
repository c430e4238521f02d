import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.createml import is_createml, load_createml
from detect.data.readers.description import open_dataset
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.errors import BadInput


def box(x, y, width, height, label="car") -> dict:
    return {"label": label, "coordinates": {"x": x, "y": y, "width": width, "height": height}}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a JSON beside the image a.jpg of 64 x 48 pixels."""

    def write(content):
        write_image(tmp_path / "a.jpg")
        path = tmp_path / "train.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_boxes_are_stated_by_their_centres(write):
    path = write([{"image": "a.jpg", "annotations": [box(20, 15, 10, 20), box("30.5", 10, 5, 4)]}])
    np.testing.assert_array_equal(split(open_dataset(path), "train").boxes, [[15, 5, 25, 25], [28, 8, 33, 12]])


def test_corners_in_place_of_centres_are_found(write):
    """Half of such a box is outside where it lies at the left or upper edge."""
    path = write([{"image": "a.jpg", "annotations": [box(0, 0, 20 + n, 20) for n in range(8)]}])
    assert open_dataset(path).problems["train"].counts == {"box in another form": 8}


@pytest.mark.parametrize(
    "entry",
    [
        {"annotations": []},
        {"image": 3, "annotations": []},
        {"image": "b\0.jpg", "annotations": []},
        {"image": "b.jpg", "annotations": {}},
        "b.jpg",
        None,
    ],
)
def test_entries_that_are_not_images_are_reported(write, entry):
    dataset = open_dataset(write([{"image": "a.jpg", "annotations": [box(20, 15, 10, 20)]}, entry]))
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("train.json: image entry 1")
    assert dataset.problems["train"].lost_images == 1


@pytest.mark.parametrize(
    "annotation",
    [{"label": "car"}, {"coordinates": {}}, box(1, 2, "x", 4), box(1, 2, 3, 4, None), box(1, 2, 3, 4, " "), 7, None],
)
def test_malformed_boxes_are_reported(write, annotation):
    dataset = open_dataset(write([{"image": "a.jpg", "annotations": [box(20, 15, 10, 20), annotation]}]))
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("train.json: image entry 0, annotation 1")
    assert dataset.problems["train"].lost_boxes == 1


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        3,
        [{"image": "a.jpg"}],
        [{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}],
        [{"image": "a.jpg", "annotations": [{"bbox": [1, 2, 3, 4]}]}],
    ],
)
def test_what_is_not_createml(write, content):
    assert not is_createml(write(content))


def test_an_object_is_refused(write):
    path = write({"image": "a.jpg"})
    with pytest.raises(BadInput, match="expected a list of images with 'annotations'"):
        load_createml(AnnotationFile(path))
