"""Hasty's JSON: labels, classes of the background, and images that nobody has labelled."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a file with images of 64 x 48 pixels: a.jpg with labels, and others without."""

    def write(*labels, status="DONE", others=()):
        images = [{"image_name": "a.jpg", "dataset_name": "photos", "image_status": status, "labels": [*labels]}]
        images += [{"image_name": name, "image_status": stated, "labels": []} for name, stated in others]
        for image in images:
            write_image(tmp_path / image["image_name"])
        classes = [{"class_name": "car", "class_type": "object"}, {"class_name": "sky", "class_type": "background"}]
        path = tmp_path / "cars.json"
        path.write_text(json.dumps({"project_name": "x", "label_classes": classes, "images": images}))
        return path

    return write


def label(name="car", **shape) -> dict:
    return {"class_name": name, "bbox": None, "polygon": None, "mask": None, **shape}


@pytest.mark.parametrize(
    ("stated", "box"),
    [
        (label(bbox=[10, 20, 30, 25]), [10, 20, 30, 25]),
        (label(bbox=[10, 20, 30, 25], mask=[5, 2]), [10, 20, 30, 25]),
        (label(polygon=[[10, 20], [30, 25], [15, 40]]), [10, 20, 30, 40]),
    ],
)
def test_shapes(write, stated, box):
    np.testing.assert_array_equal(split(open_dataset(write(stated)), "train").boxes, [box])


def test_what_is_not_an_object_is_counted_and_masks_are_lost(write):
    dataset = open_dataset(write(label(bbox=[1, 1, 9, 9]), label("sky", polygon=[[0, 0], [9, 9]]), label(mask=[5, 2])))
    assert dataset.classes == ("car",)
    assert any(note.endswith("labels of the background are not objects and are left out (1)") for note in dataset.notes)
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith(": image entry 0, annotation 2")


def test_images_without_labels_are_background_only_where_somebody_looked_at_them(write):
    others = [("b.jpg", "NEW"), ("c.jpg", "SKIPPED"), ("d.jpg", "DONE")]
    dataset = open_dataset(write(label(bbox=[1, 1, 9, 9]), others=others))
    assert [record.image_path.name for record in split(dataset, "train")] == ["a.jpg", "d.jpg"]
    assert any("images that have no labels yet" in note and note.endswith("(2)") for note in dataset.notes)
