"""Datumaro JSON: shapes, labels, and images whose paths are not stated."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the file of one image of 64 x 48 pixels, whose labels are "van" and "car"."""

    def write(*annotations, name="a.jpg", **item):
        write_image(tmp_path / "images" / "default" / name)
        labels = [{"name": name, "parent": ""} for name in ("van", "car")]
        items = [{"id": "a", "image": {"path": name}, **item, "annotations": [*annotations]}]
        path = tmp_path / "annotations" / "default.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"info": {}, "categories": {"label": {"labels": labels}}, "items": items}))
        return path

    return write


def stated(kind, **shape) -> dict:
    return {"type": kind, "label_id": 1, **shape}


@pytest.mark.parametrize(
    ("annotation", "box", "is_hull"),
    [
        (stated("bbox", bbox=[10, 20.5, 20, 5]), [10, 20.5, 30, 25.5], False),
        (stated("bbox", bbox=[10, 20, 20, 10], attributes={"rotation": 90}), [15, 15, 25, 35], True),
        (stated("polygon", points=[10, 20, 30, 25, 15, 40]), [10, 20, 30, 40], True),
        (stated("ellipse", points=[10, 20, 30, 40]), [10, 20, 30, 40], True),
        (stated("cuboid_2d", points=[[10, 20], [30, 25], [15, 40], [12, 38]]), [10, 20, 30, 40], True),
        # Columns of 48 pixels: 2 pixels of the first and 3 of the second, from row 1 on.
        (stated("mask", rle={"size": [48, 64], "counts": [1, 2, 46, 3, 5000]}), [0, 1, 2, 4], True),
    ],
)
def test_shapes(write, annotation, box, is_hull):
    dataset = open_dataset(write(annotation))
    assert dataset.classes == ("van", "car")
    np.testing.assert_allclose(split(dataset, "train").boxes, [box], atol=1e-5)
    assert split(dataset, "train").labels.tolist() == [1]
    assert any("upright hulls" in note for note in dataset.notes) == is_hull


def test_other_annotations_are_counted(write):
    path = write(stated("bbox", bbox=[1, 1, 9, 9]), stated("label"), stated("points", points=[1, 1]))
    notes = " ".join(open_dataset(path).notes)
    assert "annotations of the type 'label' are not objects and are left out (1)" in notes
    assert "annotations of the type 'points' are not objects and are left out (1)" in notes


@pytest.mark.parametrize(
    "media", [{"image": {"path": ""}}, {"image": None, "media": {"path": "a.png"}}, {"image": None}]
)
def test_the_path_of_an_image_may_be_missing(write, media):
    (record,) = split(open_dataset(write(stated("bbox", bbox=[1, 1, 9, 9]), name="a.png", **media)), "train")
    assert record.image_path.name == "a.png"


def test_turned_boxes_for_which_the_format_has_no_form_are_lost(write):
    path = write(stated("bbox", bbox=[1, 1, 9, 9]), stated("rotated_bbox", rotated_bbox=[20, 25, 20, 10, 90]))
    assert open_dataset(path).problems["train"].lost_boxes == 1


@pytest.mark.parametrize("label", [-1, 2, None, "1", True])
def test_labels_that_are_not_stated_are_reported(write, label):
    path = write(stated("bbox", bbox=[1, 1, 9, 9]), {"type": "bbox", "label_id": label, "bbox": [1, 1, 9, 9]})
    (problem,) = open_dataset(path).problems["train"]
    assert problem.where == f"{path}: image entry 0, annotation 1"


def test_items_before_the_labels_are_refused(tmp_path):
    path = tmp_path / "train.json"
    path.write_text('{"items": [], "categories": {"label": {"labels": []}}}')
    with pytest.raises(BadInput):
        open_dataset(path)
