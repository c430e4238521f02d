import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


def shape(points, kind="rectangle", label="car", **others) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **others}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the file of one image of 64 x 48 pixels, and the image."""

    def write(*shapes, name="a", image=True, **others):
        if image:
            write_image(tmp_path / f"{name}.jpg")
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg", "imageData": None}
        (tmp_path / f"{name}.json").write_text(json.dumps({**content, "imageHeight": 48, "imageWidth": 64, **others}))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("points", "kind", "box"),
    [
        ([[10, 20], [30, 40]], "rectangle", [10, 20, 30, 40]),
        ([[30, 40], [10, 20]], "rectangle", [10, 20, 30, 40]),
        ([[30, 20], [10, 40]], "rectangle", [10, 20, 30, 40]),
        ([[10, 20], [30, 20], [30, 40], [10, 40]], "rectangle", [10, 20, 30, 40]),
        ([[20, 10], [30, 20], [20, 30], [10, 20]], "rotation", [10, 10, 30, 30]),
        ([[10, 20], [30, 25], [15, 40]], "polygon", [10, 20, 30, 40]),
        ([[10, 20], [30, 25], [15, 40]], None, [10, 20, 30, 40]),
        ([[10, 20], [30, 40]], "linestrip", [10, 20, 30, 40]),
        ([[20, 20], [23, 24]], "circle", [15, 15, 25, 25]),
    ],
)
def test_shapes(write, points, kind, box):
    dataset = open_dataset(write(shape(points, kind)))
    np.testing.assert_array_equal(split(dataset, "train").boxes, [box])
    assert any("hulls" in note for note in dataset.notes) == (kind != "rectangle")


def test_parts_of_a_group_are_one_object(write):
    triangle, square = [[0, 0], [10, 0], [0, 10]], [[20, 20], [30, 20], [30, 30], [20, 30]]
    parts = [shape(triangle, "polygon", group_id=1), shape(square, "polygon", group_id=1)]
    others = [shape(square, "polygon", group_id=2), shape(square, "polygon", "bus", group_id=1)]
    rectangles = [shape([[40, 0], [50, 10]], group_id=1), shape([[50, 10], [60, 20]], group_id=1)]
    records = split(open_dataset(write(*parts, *others, *rectangles)), "train")
    found = sorted(zip(records.labels.tolist(), records.boxes.tolist(), strict=True))
    assert found == [
        (0, [20, 20, 30, 30]),
        (1, [0, 0, 30, 30]),
        (1, [20, 20, 30, 30]),
        (1, [40, 0, 50, 10]),
        (1, [50, 10, 60, 20]),
    ]


def test_points_are_not_objects(write):
    dataset = open_dataset(write(shape([[5, 5]], "point"), shape([[1, 1], [9, 9]], difficult=True)))
    assert split(dataset, "train").ignore.tolist() == [True]
    assert any(note.endswith("single points are not objects and are left out (1)") for note in dataset.notes)
    assert not dataset.problems["train"].counts


@pytest.mark.parametrize(
    "malformed",
    [
        shape([[1, 1]]),
        shape([]),
        shape([[1, 1], [2]]),
        shape([["a", 1], [2, 2]]),
        shape([[1, 1], [9, 9]], label=""),
        {},
        3,
    ],
)
def test_malformed_shapes_are_reported(write, malformed):
    dataset = open_dataset(write(shape([[10, 20], [30, 40]]), malformed))
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("a.json, annotation 1")
    assert dataset.problems["train"].lost_boxes == 1


def test_an_image_that_is_only_embedded_is_lost(write):
    write(shape([[10, 20], [30, 40]]), imageData="aGVsbG8=")
    write(shape([[1, 2], [3, 4]]), shape([[5, 6], [7, 8]]), name="b", image=False, imageData="aGVsbG8=")
    dataset = open_dataset(write(shape([[1, 2], [3, 4]]), name="c", image=False))
    problems = dataset.problems["train"]
    assert problems.counts == {"embedded image": 1, "missing image": 1}
    assert (problems.images_total, problems.lost_images) == (3, 2)
    assert (problems.boxes_total, problems.lost_boxes) == (4, 3)
    assert any("Write it to the file that `imagePath` names" in line for line in problems.summary())


def test_images_that_are_all_embedded_are_refused_with_the_way_on(write):
    folder = write(shape([[1, 2], [3, 4]]), image=False, imageData="aGVsbG8=")
    with pytest.raises(BadInput, match=r"in `imageData` of the JSON files only\. Write each to the file"):
        open_dataset(folder)


def test_an_image_that_was_renamed_with_its_file_is_found(write):
    write(shape([[1, 2], [3, 4]]), imagePath="DSC_0001.JPG")
    folder = write(shape([[5, 6], [7, 8]]), name="b", imagePath="elsewhere\\b.jpg")
    dataset = open_dataset(folder)
    assert [record.image_path.name for record in split(dataset, "train")] == ["a.jpg", "b.jpg"]
    assert any(note.endswith("by the names of their JSON files, not by `imagePath` (1)") for note in dataset.notes)


def test_other_files_are_passed_over(write, tmp_path):
    write(shape([[10, 20], [30, 40]]))
    (tmp_path / "package.json").write_text('{"name": "app"}')
    (tmp_path / "z.json").write_text('{"shapes": [')
    dataset = open_dataset(tmp_path)
    assert any(note.endswith("JSON files without a list `shapes` are passed over (1)") for note in dataset.notes)
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("z.json")


def test_two_folders_of_one_split_are_refused(tmp_path):
    for name in ("val", "valid"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text('{"shapes": [], "imagePath": "a.jpg"}')
    with pytest.raises(BadInput, match="several folders name split 'val'"):
        open_dataset(tmp_path)


def test_a_folder_of_annotations_is_not_taken_for_coco(tmp_path, write_image):
    write_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "annotations").mkdir()
    content = {"flags": {}, "shapes": [shape([[10, 20], [30, 40]])], "imagePath": "../images/a.jpg"}
    (tmp_path / "annotations" / "a.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    assert dataset.format == "LabelMe JSON"
    assert str(split(dataset, "train")[0].image_path) == str(tmp_path / "images" / "a.jpg")
