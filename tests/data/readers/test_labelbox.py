"""Labelbox: shapes, names of images, and which label counts."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

BOX = {"name": "car", "bounding_box": {"top": 4, "left": 4, "height": 8, "width": 8}}


def label(*objects, **details) -> dict:
    return {"label_details": details, "annotations": {"objects": [*objects]}}


def row(*labels, **data_row) -> dict:
    names = {"id": "x", "external_id": "a.jpg", "row_data": "https://host.example/b.jpg", **data_row}
    return {"data_row": names, "media_attributes": {}, "projects": {"p": {"labels": [*labels]}}}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes an export, and the images a.jpg and b.jpg of 64 x 48 pixels."""

    def write(*rows):
        for name in ("a.jpg", "b.jpg"):
            write_image(tmp_path / name)
        path = tmp_path / "train.ndjson"
        path.write_text("\n".join(map(json.dumps, rows)))
        return path

    return write


@pytest.mark.parametrize(
    ("shape", "box", "is_hull"),
    [
        ({"bounding_box": {"top": 20.5, "left": 10, "height": 5, "width": 20}}, [10, 20.5, 30, 25.5], False),
        ({"polygon": [{"x": 10, "y": 20}, {"x": 30, "y": 25}, {"x": 15, "y": 40}]}, [10, 20, 30, 40], True),
        ({"line": [{"x": 10, "y": 40}, {"x": 30, "y": 20}]}, [10, 20, 30, 40], True),
    ],
)
def test_shapes(write, shape, box, is_hull):
    dataset = open_dataset(write(row(label({"name": "car", **shape}))))
    np.testing.assert_allclose(split(dataset, "train").boxes, [box])
    assert any("upright hulls" in note for note in dataset.notes) == is_hull


def test_points_are_not_objects_and_masks_are_lost(write):
    point, mask = {"name": "car", "point": {"x": 1, "y": 1}}, {"name": "car", "mask": {"url": "https://host.example/m"}}
    dataset = open_dataset(write(row(label(BOX, point, mask))))
    assert any(note.endswith("points are not objects and are left out (1)") for note in dataset.notes)
    (problem,) = dataset.problems["train"]
    assert "masks are not in the export" in problem.what
    assert dataset.problems["train"].lost_boxes == 1


def test_the_newest_label_counts(write):
    old, new = label(BOX, BOX, updated_at="2026-01-01"), label(BOX, updated_at="2026-01-02")
    dataset = open_dataset(write(row(new, old)))
    assert len(split(dataset, "train").boxes) == 1
    assert any(note.endswith("where images have several labels, the newest is taken (1)") for note in dataset.notes)


def test_images_without_label_are_left_out(write):
    dataset = open_dataset(write(row(), row(label(BOX), external_id="b.jpg")))
    assert [record.image_path.name for record in split(dataset, "train")] == ["b.jpg"]
    assert any(note.endswith("images without a label are left out (1)") for note in dataset.notes)


@pytest.mark.parametrize(
    "names", [{"external_id": "b.jpg"}, {"external_id": "17", "global_key": "x/b.jpg"}, {"external_id": None}]
)
def test_names_of_images(write, names):
    (record,) = split(open_dataset(write(row(label(BOX), **names))), "train")
    assert record.image_path.name == "b.jpg"


def test_an_export_of_the_first_version_is_refused_with_the_way_on(write):
    with pytest.raises(BadInput, match=r"first version.* Export the project again"):
        open_dataset(write({"ID": "x", "Labeled Data": "https://host.example/a.jpg", "Label": {"objects": []}}))


def test_lines_that_are_not_rows_are_reported(write):
    path = write(row(label(BOX)), {"data_row": {"id": "x"}, "projects": {}}, 3)
    assert [problem.where for problem in open_dataset(path).problems["train"]] == [f"{path}:2", f"{path}:3"]
