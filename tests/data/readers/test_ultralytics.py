"""Ultralytics NDJSON: polygons, annotations of other tasks, and splits."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a file whose images are a.jpg, b.jpg and so on, of 64 x 48 pixels."""

    def write(*images, names=None):
        lines = [{"type": "dataset", "task": "detect", "class_names": names or {"0": "van", "1": "car"}}]
        for name, image in zip("abc", images, strict=False):
            write_image(tmp_path / f"{name}.jpg")
            lines.append({"type": "image", "file": f"{name}.jpg", **image})
        path = tmp_path / "cars.ndjson"
        path.write_text("\n".join(map(json.dumps, lines)))
        return path

    return write


def test_boxes_and_polygons(write):
    annotations = {"boxes": [[1, 0.5, 0.5, 0.25, 0.5]], "segments": [[0, 0.25, 0.5, 0.5, 0.75, 0.375, 1]]}
    dataset = open_dataset(write({"annotations": annotations}))
    assert dataset.classes == ("van", "car")
    np.testing.assert_allclose(split(dataset, "train").boxes, [[24, 12, 40, 36], [16, 24, 32, 48]])
    assert split(dataset, "train").labels.tolist() == [1, 0]
    assert any(note.endswith("polygons are replaced by their upright hulls (1)") for note in dataset.notes)


def test_annotations_of_other_tasks_are_lost_with_a_word(write):
    pose = {"pose": [[0, 0.5, 0.5, 0.2, 0.2, 0.5, 0.5, 2]]}
    path = write({"annotations": {"boxes": [[0, 0.5, 0.5, 0.5, 0.5]]}}, {"annotations": pose})
    problems = open_dataset(path).problems["train"]
    assert problems.lost_boxes == 1
    assert next(iter(problems)).where == f"{path}:3, annotation 0"


def test_splits(write):
    box = {"annotations": {"boxes": [[0, 0.5, 0.5, 0.5, 0.5]]}}
    dataset = open_dataset(write({"split": "val", **box}, {"split": "train", **box}, {"split": "train"}))
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 2, "val": 1}
