import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from detect.data.dataset import Dataset
from detect.data.doctor import copies, examine, tables, undecodable
from detect.data.readers.annotations import Annotations
from detect.data.readers.assembling import assemble


@pytest.fixture
def dataset_of(tmp_path, write_image):
    """Return a function that makes a dataset from the boxes of each image, by split; all images differ."""
    level = iter(range(1, 250))

    def make(classes: int = 2, **splits) -> Dataset:
        found = {}
        for split, images in splits.items():
            part = Annotations(split, str, str)
            for number, boxes in enumerate(images):
                path = write_image(tmp_path / split / f"{number}.png", 640, 480, next(level))
                part.add_image(str(path), number + 1)
                for label, x, y, width, height in boxes:
                    part.add_box(number, (x, y, x + width, y + height), label)
            found[split] = part
        names = tuple("abcdefgh"[:classes])
        return assemble(Path("set"), "test data", names, tuple(range(classes)), found, [])

    return make


def grid(count: int, label: int = 0, side: float = 20) -> list:
    return [(label, 25 * (number % 25), 25 * (number // 25), side, side) for number in range(count)]


def said(dataset: Dataset) -> str:
    return "\n".join(map(str, examine(dataset)))


def test_nothing_to_find(dataset_of):
    boxes = grid(25) + grid(20, 1, side=19)
    assert examine(dataset_of(train=[boxes], val=[boxes])) == []


def test_nothing_to_train_on(dataset_of):
    boxes = grid(25) + grid(20, 1, side=19)
    (finding,) = examine(dataset_of(val=[boxes]))
    assert str(finding).startswith("train: there are no images to train on. Name a split 'train'")
    (finding,) = examine(replace(dataset_of(val=[boxes]), refused={"train": "images/train was not found."}))
    assert finding.advice == "images/train was not found."


def test_copies_in_two_splits_are_a_leak(dataset_of):
    boxes = grid(25) + grid(20, 1, side=19)
    dataset = dataset_of(train=[boxes, boxes], val=[boxes])
    train, val = dataset.splits["train"].image_path(1), dataset.splits["val"].image_path(0)
    shutil.copy(train, val)
    assert copies(dataset) == [[("train", str(train)), ("val", str(val))]]
    (finding,) = examine(dataset)
    assert finding.split == "train, val"
    assert "look better than they are" in finding.advice
    shutil.copy(train, dataset.splits["train"].image_path(0))
    assert "occur more than once: 1" in said(dataset)


def test_files_of_one_length_are_compared(dataset_of):
    dataset = dataset_of(train=[grid(20), grid(20)])
    for number in (0, 1):
        path = dataset.splits["train"].image_path(number)
        path.write_bytes(bytes(100_000) + bytes([number]))
    assert copies(dataset) == []


def test_classes_that_cannot_be_learned_or_scored(dataset_of):
    text = said(dataset_of(classes=3, train=[grid(20)], val=[grid(20) + grid(1, 2, side=18)]))
    assert "train: no boxes of b, c. They cannot be learned." in text
    assert "val: no boxes of b. They cannot be scored." in text


def test_rare_classes(dataset_of):
    text = said(dataset_of(train=[grid(101), grid(1, 1)]))
    assert "train: fewer than 20 boxes of b (1)" in text
    assert "train: 101 boxes of a and 1 of b" in text


def test_tiny_boxes(dataset_of):
    images = [grid(20, side=7) + grid(20, 1)]
    assert "50% of the boxes are narrower than 8 pixels" in said(dataset_of(train=images))


def test_crowded_images(dataset_of):
    assert "1 images have more than 100 boxes" in said(dataset_of(train=[grid(101) + grid(20, 1, side=10)]))


def test_background(dataset_of):
    boxes = grid(25) + grid(20, 1, side=19)
    text = said(dataset_of(train=[boxes, [], []], val=[[]]))
    assert "train: 2 of 3 images have no boxes" in text
    assert "val: no image has a box" in text


def test_tables(dataset_of):
    dataset = dataset_of(train=[[(0, 0, 0, 10, 10), (1, 0, 0, 50, 50)], [(1, 0, 0, 200, 200)], []], val=[grid(3)])
    splits, boxes, images, classes = tables(dataset)
    assert splits.rows == (("train", "3", "1", "3", "0", "0", "0"), ("val", "1", "0", "3", "0", "0", "0"))
    assert boxes.rows[0] == ("train", "1", "1", "1", "1, 1.9, 2")
    assert images.rows[0] == ("train", "640, 640, 640", "480, 480, 480")
    assert classes.columns == ("class", "train: boxes", "train: images", "val: boxes", "val: images")
    assert classes.rows == (("a", "1", "1", "3", "1"), ("b", "2", "2", "0", "0"))
    assert all(len(row) == len(table.columns) for table in tables(dataset) for row in table.rows)


def test_images_that_cannot_be_decoded(dataset_of):
    dataset = dataset_of(train=[grid(1), grid(1), grid(1)])
    path = dataset.splits["train"].image_path(1)
    data = bytearray(path.read_bytes())
    middle = data.index(b"IDAT") + 10
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    (reason,) = undecodable(dataset.splits["train"])
    assert reason.startswith(str(path))
