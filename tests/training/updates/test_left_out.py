"""Images that cannot be read are named and counted, and end a run where they are too many."""

from pathlib import Path

import numpy as np
import pytest
from records_of import records_of

from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.records import Record
from detect.data.samples.checked_images import UnreadableImages
from detect.errors import BadInput
from detect.training.updates.left_out import LeftOut


@pytest.fixture
def dataset() -> Dataset:
    """Of 20 images in its annotations, one was lost when it was read; the others are files that do not exist."""
    columns = np.float32([[1, 2, 3, 4]]), np.zeros(1, int), np.zeros(1, bool), np.ones(1)
    records = records_of(Record(Path(f"{number}.png"), number, 9, 9, *columns) for number in range(19))
    problems = {"train": Problems(images_total=20, boxes_total=40, lost_images=1)}
    return Dataset(Path("set"), "test data", ("car",), (1,), {"train": records}, problems, ())


def test_each_image_is_named_once(dataset):
    said: list[str] = []
    left_out, unreadable = LeftOut(dataset, "train", 0.5, said.append), UnreadableImages(19)
    left_out.note(unreadable)
    assert not said
    unreadable.add(3)
    for _ in range(2):
        left_out.note(unreadable)
    (line,) = said
    assert line.startswith("train: unreadable image: 1 (left out with its boxes). 3.png: the image cannot be read: No")
    for index in range(10, 15):
        unreadable.add(index)
    left_out.note(unreadable)
    assert said[1].startswith("train: unreadable image: 5 (left out with its boxes). 10.png")
    assert dataset.problems["train"].counts["unreadable image"] == 6
    assert (dataset.problems["train"].lost_images, dataset.problems["train"].lost_boxes) == (7, 6)


def test_more_than_may_be_lost_end_the_run(dataset):
    left_out, unreadable = LeftOut(dataset, "train", 0.1, lambda text: None), UnreadableImages(19)
    unreadable.add(0)
    left_out.note(unreadable)  # two of 20
    unreadable.add(1)
    with pytest.raises(BadInput, match=r"(?s)3 of 20 images \(15.0%\).*at most 10% may be lost.*0.png: .* 1.png"):
        left_out.note(unreadable)
