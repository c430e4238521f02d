import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.bdd100k import is_bdd100k
from detect.data.readers.description import open_dataset


def label(x1, y1, x2, y2, category="car", **others) -> dict:
    return {"category": category, "box2d": {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, **others}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a JSON, and the image a.jpg of 64 x 48 pixels beside it."""

    def write(content, images=("a.jpg",)):
        for image in images:
            write_image(tmp_path / image)
        path = tmp_path / "det_val.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_the_second_corner_is_the_last_pixel(write):
    path = write([{"name": "a.jpg", "labels": [label(0, 0, 63, 47), label(10.5, 5, 19.25, 9)]}])
    np.testing.assert_array_equal(split(open_dataset(path), "val").boxes, [[0, 0, 64, 48], [10.5, 5, 20.25, 10]])


def test_crowds_are_ignored_and_what_has_no_box_is_counted(write):
    labels = [
        label(1, 1, 9, 9, attributes={"crowd": True, "occluded": False}),
        label(20, 1, 29, 9, attributes={"crowd": False, "occluded": True}),
        {"category": "drivable area", "poly2d": []},
        {"category": "lane/road curb", "poly2d": []},
        {"category": "drivable area", "box2d": None},
    ]
    dataset = open_dataset(write([{"name": "a.jpg", "labels": labels}]))
    assert split(dataset, "val").ignore.tolist() == [True, False]
    assert dataset.classes == ("car",)
    assert not dataset.problems["val"].counts
    notes = " ".join(dataset.notes)
    assert "labels 'drivable area' without a `box2d` are not objects and are left out (2)" in notes
    assert "labels 'lane/road curb' without a `box2d` are not objects and are left out (1)" in notes


def test_scalabel_states_sizes_and_the_order_of_the_classes(write):
    frames = [{"name": "a.jpg", "size": {"width": 60, "height": 48}, "labels": [label(1, 1, 9, 9)]}]
    tree = [{"name": "vehicle", "subcategories": [{"name": "truck"}, {"name": "car"}]}, {"name": "person"}]
    dataset = open_dataset(write({"frames": frames, "groups": [], "config": {"categories": tree}}))
    assert dataset.classes == ("truck", "car", "person")
    assert split(dataset, "val").labels.tolist() == [1]
    assert dataset.problems["val"].counts == {"stated size differs": 1}


def test_classes_that_the_config_does_not_name_come_last(write):
    frames = [{"name": "a.jpg", "labels": [label(1, 1, 9, 9), label(1, 1, 8, 8, "cart")]}]
    dataset = open_dataset(write({"config": {"categories": [{"name": "car"}]}, "frames": frames}))
    assert dataset.classes == ("car", "cart")


@pytest.mark.parametrize("folder", ["", "drive1/"])
def test_frames_of_videos_lie_in_a_folder_or_not(write, folder):
    frames = [{"name": "a.jpg", "videoName": "drive1", "labels": [label(1, 1, 9, 9)]}]
    dataset = open_dataset(write(frames, [f"{folder}a.jpg"]))
    assert len(split(dataset, "val")) == 1


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        [{"name": "a"}],
        [{"image": "a.jpg", "annotations": []}],
        {"frames": [{"timestamp": 3}]},
        {"frames": 3},
        5,
    ],
)
def test_other_files_are_not_recognised(write, content):
    assert not is_bdd100k(write(content))


def test_malformed_frames_and_labels_are_reported(write):
    frames = [{"name": "a.jpg", "labels": [label(1, 1, 9, 9), label("x", 1, 9, 9), 3]}, {"name": "b.jpg", "labels": 3}]
    problems = open_dataset(write(frames)).problems["val"]
    places = [problem.where.rpartition("json: ")[2] for problem in problems]
    assert places == ["image entry 0, annotation 1", "image entry 0, annotation 2", "image entry 1"]
    assert (problems.lost_boxes, problems.lost_images) == (2, 1)


def test_files_of_single_images(tmp_path, write_image):
    """A file of several frames is of a video, and is reported; lanes are counted."""
    lane = {"category": "lane/crosswalk", "poly2d": [[1, 1, "L"]]}
    files = {
        "a": {"name": "a", "frames": [{"timestamp": 1, "objects": [label(1, 1, 9, 9), lane]}]},
        "b": {"name": "b", "frames": [{"objects": []}, {"objects": []}]},
        "c": {"name": 3, "frames": [{"objects": []}]},
    }
    write_image(tmp_path / "images" / "100k" / "val" / "a.jpg")
    (tmp_path / "labels" / "100k" / "val").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "labels" / "100k" / "val" / f"{name}.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    np.testing.assert_array_equal(split(dataset, "val").boxes, [[1, 1, 10, 10]])
    problems = dataset.problems["val"]
    assert [problem.where.rpartition("/")[2] for problem in problems] == ["b.json", "c.json"]
    assert (problems.images_total, problems.lost_images) == (3, 2)
    assert any("labels 'lane/crosswalk' without" in note and note.endswith("(1)") for note in dataset.notes)


def test_the_folder_of_one_split_is_read_with_the_images_of_that_split(tmp_path, write_image):
    folder = tmp_path / "labels" / "100k" / "val"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"name": "a", "frames": [{"objects": [label(1, 1, 9, 9)]}]}))
    write_image(tmp_path / "images" / "100k" / "val" / "a.jpg")
    (tmp_path / "images" / "100k" / "train").mkdir()
    assert split(open_dataset(folder), "train").image_path(0) == tmp_path / "images" / "100k" / "val" / "a.jpg"
