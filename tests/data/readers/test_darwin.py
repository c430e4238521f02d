"""V7 Darwin JSON: shapes, places of images, and what is not an object."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset

BOX = {"name": "car", "bounding_box": {"x": 4, "y": 4, "w": 8, "h": 8}}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the file of one image of 64 x 48 pixels."""

    def write(*annotations, image="images/a.jpg", **item):
        write_image(tmp_path / image)
        content = {"version": "2.0", "item": {"name": "a.jpg", "path": "/", **item}, "annotations": [*annotations]}
        (tmp_path / "a.json").write_text(json.dumps(content))
        return tmp_path

    return write


def points(*numbers) -> list[dict]:
    return [{"x": x, "y": y} for x, y in numbers]


@pytest.mark.parametrize(
    ("shape", "box", "is_hull"),
    [
        ({"bounding_box": {"x": 10, "y": 20.5, "w": 20, "h": 5}}, [10, 20.5, 30, 25.5], False),
        ({"polygon": {"paths": [points((10, 20), (30, 25)), points((15, 40), (12, 22))]}}, [10, 20, 30, 40], True),
        ({"polygon": {"path": points((10, 20), (30, 25), (15, 40))}}, [10, 20, 30, 40], True),
        ({"polygon": {"path": points((10, 20)), "additional_paths": [points((30, 40))]}}, [10, 20, 30, 40], True),
        ({"complex_polygon": {"path": [points((10, 20)), points((30, 40))]}}, [10, 20, 30, 40], True),
        ({"line": {"path": points((10, 40), (30, 20))}}, [10, 20, 30, 40], True),
        ({"ellipse": {"center": {"x": 20, "y": 20}, "radius": {"x": 10, "y": 5}, "angle": 0}}, [10, 15, 30, 25], True),
    ],
)
def test_shapes(write, shape, box, is_hull):
    dataset = open_dataset(write({"name": "car", **shape}))
    np.testing.assert_allclose(split(dataset, "train").boxes, [box])
    assert any("upright hulls" in note for note in dataset.notes) == is_hull


def test_tags_are_not_objects_and_masks_are_lost(write):
    dataset = open_dataset(write(BOX, {"name": "day", "tag": {}}, {"name": "car", "mask": {}}))
    assert any(note.endswith("annotations without a box or polygon are left out (1)") for note in dataset.notes)
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("a.json, annotation 2")


def test_frames_of_videos_are_lost(write):
    dataset = open_dataset(write(BOX, {"name": "car", "frames": {"0": {"bounding_box": BOX["bounding_box"]}}}))
    assert dataset.problems["train"].lost_boxes == 1


def test_the_folders_into_which_a_dataset_is_pulled(write, tmp_path):
    write(BOX)
    inside = tmp_path / "releases" / "latest" / "annotations"
    inside.mkdir(parents=True)
    (tmp_path / "a.json").rename(inside / "a.json")
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path == tmp_path / "images" / "a.jpg"


def test_an_image_in_a_folder_of_the_platform(write):
    (record,) = split(open_dataset(write(BOX, image="images/cams/north/a.jpg", path="/cams/north")), "train")
    assert record.image_path.parts[-3:] == ("cams", "north", "a.jpg")


def test_the_first_version_names_the_image_in_another_member(tmp_path, write_image):
    write_image(tmp_path / "images" / "a.jpg")
    image = {"filename": "x.jpg", "original_filename": "a.jpg", "path": "/", "width": 64, "height": 48}
    (tmp_path / "x.json").write_text(json.dumps({"dataset": "cars", "image": image, "annotations": [BOX]}))
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path.name == "a.jpg"
    np.testing.assert_allclose(record.boxes, [[4, 4, 12, 12]])
