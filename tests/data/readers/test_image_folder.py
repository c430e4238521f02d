"""Hugging Face's ImageFolder: lists of boxes and of classes."""

import json

import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the lines of a.jpg, b.jpg and so on, and these images of 64 x 48 pixels."""

    def write(*objects):
        lines = [{"file_name": f"{name}.jpg", "objects": stated} for name, stated in zip("abc", objects, strict=False)]
        for line in lines:
            write_image(tmp_path / line["file_name"])
        path = tmp_path / "metadata.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        return path

    return write


@pytest.mark.parametrize("member", ["categories", "category", "labels", "label"])
def test_classes_may_be_numbers(write, member):
    dataset = open_dataset(write({"bbox": [[10, 20, 20, 5], [0, 0, 9, 9]], member: [1, 0]}, {"bbox": [], member: []}))
    assert dataset.classes == ("0", "1")
    assert split(dataset, "train").labels.tolist() == [1, 0]
    assert split(dataset, "train").boxes[0].tolist() == [10, 20, 30, 25]
    assert len(split(dataset, "train")) == 2


@pytest.mark.parametrize(
    "objects", [{"bbox": [[0, 0, 9, 9]]}, {"bbox": [[0, 0, 9, 9]], "label": []}, {"bbox": [[0, 0, 9]], "label": [1]}]
)
def test_malformed_objects_are_reported(write, objects):
    path = write({"bbox": [[10, 20, 20, 5]], "label": [1]}, objects)
    (problem,) = open_dataset(path).problems["train"]
    assert problem.where == f"{path}:2, annotation 0"
    assert open_dataset(path).problems["train"].lost_boxes == 1
