"""Vertex AI and AutoML: corners in any order, splits, and images that several lines name."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a file, and the images a.jpg and b.jpg of 64 x 48 pixels."""

    def write(*lines, name="import.csv"):
        for image in ("a.jpg", "b.jpg"):
            write_image(tmp_path / image)
        path = tmp_path / name
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.mark.parametrize(
    "row",
    [
        "TRAIN,gs://x/a.jpg,car,0.25,0.25,,,0.5,0.75,,",
        "TRAIN,gs://x/a.jpg,car,0.25,0.75,,,0.5,0.25,,",  # lower left and upper right
        "TRAIN, gs://x/y z/a.jpg ,car,0.5,0.75,0.25,0.75,0.25,0.25,0.5,0.25",
        "UNASSIGNED,gs://x/a.jpg,car,.25,.25,,,.5,.75,,",
        ",gs://x/a.jpg,car,0.25,0.25,,,0.5,0.75,,",
        "gs://x/a.jpg,car,0.25,0.25,,,0.5,0.75,,",
    ],
)
def test_rows(write, row):
    dataset = open_dataset(write(row))
    np.testing.assert_allclose(split(dataset, "train").boxes, [[16, 12, 32, 36]])
    assert not dataset.problems["train"].counts


def test_a_row_without_label_is_an_image_without_boxes(write):
    dataset = open_dataset(write("TRAIN,gs://x/a.jpg,,,,,,,,,", "TRAIN,gs://x/b.jpg,car,0,0,,,1,1,,"))
    assert [len(record.boxes) for record in split(dataset, "train")] == [0, 1]


def test_rows_of_one_image_are_joined_and_splits_are_kept_apart(write):
    rows = [
        f"{use},gs://x/{name}.jpg,car,0,0,,,{x},1,,"
        for use, name, x in (("TRAIN", "a", 0.5), ("TEST", "b", 0.5), ("TRAIN", "a", 1))
    ]
    dataset = open_dataset(write(*rows))
    assert {name: len(records.boxes) for name, records in dataset.splits.items()} == {"train": 2, "test": 1}
    assert len(split(dataset, "train")) == 1


@pytest.mark.parametrize(
    "row",
    [
        "TRAIN,gs://x/a.jpg,car",  # a class of the whole image
        "TRAIN,gs://x/a.jpg,car,0,0,,,,,,",
        "TRAIN,gs://x/a.jpg,,0,0,,,1,1,,",
        "TRAIN,gs://x/a.jpg,car,0,0,,,1,,,",
    ],
)
def test_malformed_rows_are_reported(write, row):
    path = write("TRAIN,gs://x/b.jpg,car,0,0,,,1,1,,", row)
    (problem,) = open_dataset(path).problems["train"]
    assert problem.where.startswith(f"{path}:2")


def test_malformed_lines_are_reported(write):
    image = {"imageGcsUri": "gs://x/a.jpg", "boundingBoxAnnotations": [{"displayName": "car", "xMin": 0}]}
    good = {
        "imageGcsUri": "gs://x/b.jpg",
        "boundingBoxAnnotations": [{"displayName": "car", "xMin": 0, "yMin": 0, "xMax": 1, "yMax": 1}],
    }
    path = write(json.dumps(good), "", json.dumps(image), '{"imageGcsUri": "gs://x', "3", name="train.jsonl")
    problems = open_dataset(path).problems["train"]
    assert [problem.where for problem in problems] == [f"{path}:3, annotation 0", f"{path}:4", f"{path}:5"]
    assert (problems.lost_boxes, problems.lost_images) == (1, 2)


def test_two_files_that_state_the_same_split_are_refused(write, tmp_path):
    for name in ("train.csv", "test.csv"):
        write("TRAIN,gs://x/a.jpg,car,0,0,,,1,1,,", name=name)
    with pytest.raises(BadInput, match="two files state the split 'train'"):
        open_dataset(tmp_path)
