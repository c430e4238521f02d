"""Supervisely: shapes, pixels and positions, splits, and names of images."""

import base64
import json
import zlib

import cv2
import numpy as np
import pytest
from small_sets import TRUTH, Box, supervisely_json, write_images, write_text

from detect.data.dataset import split
from detect.data.readers.description import open_dataset

PIXELS = "1 is added to them"


def project(folder, *objects: dict, tags=(), name: str = "a.png"):
    """Write a project with one dataset, and one annotated image."""
    write_images(folder / "ds" / "img", "train")
    content = {"size": {"width": 40, "height": 20}, "tags": list(tags), "objects": list(objects)}
    write_text(folder / "ds" / "ann" / f"{name}.json", json.dumps(content))
    return folder


def shape(kind: str, exterior: list, **more) -> dict:
    return {"classTitle": "car", "geometryType": kind, "points": {"exterior": exterior, "interior": []}, **more}


def bitmap(mask: np.ndarray, origin: list[int]) -> dict:
    png = cv2.imencode(".png", mask)[1].tobytes()
    data = base64.b64encode(zlib.compress(png)).decode()
    return {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": data, "origin": origin}}


@pytest.mark.parametrize(
    ("stated", "box"),
    [
        (shape("rectangle", [[10, 5], [29, 14]]), [10, 5, 30, 15]),
        (shape("rectangle", [[29, 14], [10, 5]]), [10, 5, 30, 15]),
        (shape("polygon", [[4, 3], [9, 3], [6, 8]]), [4, 3, 10, 9]),
        (shape("line", [[4, 3], [9, 8]]), [4, 3, 10, 9]),
        (bitmap(np.ones((3, 5), np.uint8), [7, 2]), [7, 2, 12, 5]),
        (
            {"classTitle": "car", "parts": [{"exterior": [[1, 1], [3, 2]]}, {"exterior": [[8, 4], [9, 9]]}]},
            [1, 1, 10, 10],
        ),
        ({"classTitle": "car", "faces": [], "points": [[2, 2], [6, 2], [6, 7]]}, [2, 2, 7, 8]),
    ],
)
def test_last_pixels_belong_to_the_object(tmp_path, stated, box):
    dataset = open_dataset(project(tmp_path, stated))
    assert split(dataset, "train").boxes.tolist() == [box]
    assert any(PIXELS in note for note in dataset.notes)


@pytest.mark.parametrize("corner", [[39.5, 14], [40, 14], [30, 20]])
def test_positions_are_taken_as_they_are(tmp_path, corner):
    mask = bitmap(np.ones((3, 5), np.uint8), [7, 2])
    dataset = open_dataset(project(tmp_path, shape("rectangle", [[10, 5], corner]), mask))
    assert split(dataset, "train").boxes.tolist() == [[10, 5, *corner], [7, 2, 12, 5]]
    assert not any(PIXELS in note for note in dataset.notes)


def test_points_and_graphs_are_counted(tmp_path):
    others = [shape("point", [[3, 3]]), {"classTitle": "pose", "geometryType": "graph", "nodes": {}}]
    dataset = open_dataset(project(tmp_path, *others, shape("rectangle", [[10, 5], [29, 14]])))
    assert dataset.classes == ("car",)
    assert any(note.endswith("objects of the kind 'graph' have no box and are left out (1)") for note in dataset.notes)


def test_a_tag_names_the_split(tmp_path):
    dataset = open_dataset(project(tmp_path, shape("rectangle", [[10, 5], [29, 14]]), tags=[{"name": "val"}]))
    assert set(dataset.splits) == {"val"}


def test_datasets_inside_datasets(tmp_path):
    for name, inside in (("train", "one"), ("train/datasets/inner", "two")):
        write_images(tmp_path / name / "img", "train")
        write_text(tmp_path / name / "ann" / "a.png.json", supervisely_json([Box(1, 1, 1, len(inside) + 2, 9)]))
    assert len(split(open_dataset(tmp_path), "train")) == 2


def test_images_without_annotation_files_are_counted_once(tmp_path):
    """Those beside images that have one, and those of a dataset in which none has."""
    folder, count = project(tmp_path, shape("rectangle", [[1, 1], [5, 5]])), len(TRUTH["train"])
    write_images(tmp_path / "new" / "img", "train")
    (tmp_path / "new" / "ann").mkdir()
    assert [note for note in open_dataset(folder).notes if "left out" in note] == [
        f"images of datasets without annotation files are left out ({count})",
        f"images in {tmp_path / 'ds' / 'img'} that the annotations do not name are left out ({count - 1})",
    ]


def test_names_without_suffix(tmp_path):
    (record,) = split(open_dataset(project(tmp_path, shape("rectangle", [[1, 1], [5, 5]]), name="a")), "train")
    assert record.image_path == tmp_path / "ds" / "img" / "a.png"


@pytest.mark.parametrize(
    "stated", [7, {}, {"classTitle": "car"}, shape("rectangle", [[1, 1]]), {"classTitle": "car", "bitmap": {}}]
)
def test_what_is_not_an_object_is_reported(tmp_path, stated):
    problems = open_dataset(project(tmp_path, stated, shape("rectangle", [[1, 1], [5, 5]]))).problems["train"]
    assert (problems.counts, problems.lost_boxes) == ({"malformed annotation": 1}, 1)


def test_a_file_that_cannot_be_read_is_reported(tmp_path):
    project(tmp_path, shape("rectangle", [[1, 1], [5, 5]]))
    write_text(tmp_path / "ds" / "ann" / "b.png.json", "{")
    problems = open_dataset(tmp_path).problems["train"]
    assert (problems.counts, problems.lost_images) == ({"malformed image entry": 1}, 1)
