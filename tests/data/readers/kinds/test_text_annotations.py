"""Public datasets with text files: KITTI, VisDrone and WIDER FACE."""

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.readers.kinds.text_annotations import Stated
from detect.data.readers.kitti import parse_line as parse_kitti
from detect.data.readers.visdrone import parse_line as parse_visdrone

CAR = "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
NOT_LABELLED = "DontCare -1 -1 -10 10.00 5.00 30.00 15.00 -1 -1 -1 -1000 -1000 -1000 -10"


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes an image of 64 x 48 pixels and a text."""

    def write(image, path, *lines):
        write_image(tmp_path / image)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("\n".join(lines))
        return tmp_path

    return write


def test_lines_of_kitti():
    assert parse_kitti(CAR) == Stated("Car", (587.01, 173.33, 614.12, 200.12))
    assert parse_kitti(NOT_LABELLED) == Stated("", (10, 5, 30, 15))
    with pytest.raises(ValueError, match="found 16 fields: is the last one a score"):
        parse_kitti(f"{CAR} 0.9")


def test_lines_of_visdrone():
    assert parse_visdrone("684,8,273,116,1,4,0,0") == Stated("car", (684, 8, 957, 124))
    assert parse_visdrone("684,8,273,116,0,10,0,0,") == Stated("motor", (684, 8, 957, 124), ignore=True)
    assert parse_visdrone("684,8,273,116,0,0,0,0").name == ""
    assert parse_visdrone("684,8,273,116,0,11,0,0").name == ""
    assert parse_visdrone("684,8,273,116,1,11,0,0").name == "others"


@pytest.mark.parametrize("line", ["1,2,3,4,1,4,0", "1,2,3,4,0.5,4,0,0", "1,2,3,4,1,12,0,0", "1,2,3,4,1,1.5,0,0", "a"])
def test_other_lines_are_not_those_of_visdrone(line):
    with pytest.raises(ValueError, match=r"expected|could not convert"):
        parse_visdrone(line)


def test_regions_of_no_class_and_images_without_text_are_counted(write):
    car = CAR.replace("587.01 173.33 614.12 200.12", "1.00 2.00 30.00 40.00")
    folder = write("image_2/b.jpg", "label_2/a.txt", car, NOT_LABELLED)
    dataset = open_dataset(write("image_2/a.jpg", "label_2/c.txt"))
    assert dataset.source == folder
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[1, 2, 30, 40]])
    regions, images = (note for note in dataset.notes if "left out" in note)
    assert regions.endswith("regions to be ignored that are of no class are left out, and count as background (1)")
    assert images == f"images in {folder / 'image_2'} that the annotations do not name are left out (1)"  # b.jpg
    assert dataset.problems["train"].counts == {"missing image": 1}  # c.jpg


@pytest.mark.parametrize(
    ("lines", "where", "lost"),
    [
        (["0--P/a.jpg", "2", "1 2 3 4 0 0 0 0 0 0", "0--P/b.jpg", "0", "0 0 0 0 0 0 0 0 0 0"], 1, 1),
        (["0--P/a.jpg", "3", "1 2 3 4 0 0 0 0 0 0"], 1, 2),
        (["0--P/a.jpg", "2", "1 2 3 4 0 0 0 0 0 0", "1 2 3 4"], 4, 1),
        (["0--P/a.jpg", "2", "1 2 3 4 0 0 0 0 0 0", "1 2 3 high 0 0 0 0 0 0"], 4, 1),
        (["5 5 5 5 0 0 0 0 0 0", "0--P/a.jpg", "1", "1 2 3 4 0 0 0 0 0 0"], 1, 1),
    ],
)
def test_faces_that_are_not_as_announced(write, lines, where, lost):
    write("WIDER_train/images/0--P/b.jpg", "readme.txt")
    folder = write("WIDER_train/images/0--P/a.jpg", "wider_face_split/wider_face_train_bbx_gt.txt", *lines)
    dataset = open_dataset(folder)
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[1, 2, 4, 6]])
    (problem,) = dataset.problems["train"]
    assert problem.where == f"{folder}/wider_face_split/wider_face_train_bbx_gt.txt:{where}"
    assert dataset.problems["train"].lost_boxes == lost
