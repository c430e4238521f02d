"""Corrected copies: what is corrected, what stays, and that nothing is left to correct in a copy."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from detect.data.doctor.correcting import FIXES, corrected, write_corrected
from detect.data.doctor.examination import prepare
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

BOX, OTHER = (0, 10, 20, 30, 40), (1, 100, 100, 50, 60)  # label, x, y, width, height


def copy_image(dataset, source: tuple[str, int], target: tuple[str, int]) -> None:
    one, other = (dataset.splits[split].image_path(row) for split, row in (source, target))
    shutil.copy(one, other)


def names(dataset, split: str) -> list[str]:
    """Return the names of the images of a split, without suffix: those of `dataset_of` are numbers."""
    records = dataset.splits.get(split, ())
    return [record.image_path.stem for record in records]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = data.index(b"IDAT") + 10
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)


def test_a_copy_has_nothing_left_to_correct(dataset_of, found, tmp_path):
    """Images have 640 x 480 pixels."""
    train = [
        [BOX, BOX, (0, 600, 400, 60, 100), (1, 700, 0, 10, 10), (1, 5, 5, 0, 9), (1, 50, 50, -20, 20)],
        [BOX],
        [BOX, OTHER, (1, 5, 5, -9, 9)],
    ]
    dataset = dataset_of(classes=("Car", "CAR"), train=train, val=[[BOX], [OTHER]])
    damage(dataset.splits["train"].image_path(1))
    copy_image(dataset, ("train", 2), ("val", 0))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    subject = prepare(dataset, max_lost=0.9)
    write_corrected(subject, tmp_path / "copy")

    copy = open_dataset(tmp_path / "copy")
    assert {split: len(problems) for split, problems in copy.problems.items()} == {"train": 0, "val": 0}
    assert copy.classes == ("Car",)
    assert (names(copy, "train"), names(copy, "val")) == (["0"], ["0", "1"])
    boxes = [[10, 20, 40, 60], [600, 400, 640, 480], [30, 50, 50, 70]]
    np.testing.assert_array_equal(copy.splits["train"].boxes, boxes)
    codes = {
        "annotation-problem", "box-outside-its-image", "box-past-the-frame", "box-with-exchanged-corners", "copies",
        "copies-across-splits", "duplicate-box", "inverted-box", "unreadable-image", "zero-area-box",
    }  # fmt: skip
    assert not codes & set(found(copy))
    assert len(codes & set(found(dataset))) == 8
    assert {path: path.read_bytes() for path in before} == before


def test_the_list_says_what_was_done(dataset_of, tmp_path):
    dataset = dataset_of(train=[[BOX, BOX, OTHER], [BOX]], val=[[BOX]])
    copy_image(dataset, ("train", 1), ("val", 0))
    _, done = write_corrected(prepare(dataset, max_lost=0.5), tmp_path / "copy")
    content = json.loads((tmp_path / "copy" / FIXES).read_text("utf-8"))
    assert content["source"] == "set"
    duplicate, copy = content["splits"]["train"]
    assert (duplicate["kind"], duplicate["count"]) == ("duplicate box", 1)
    assert (copy["kind"], copy["count"]) == ("copy of an image", 1)
    train, val = dataset.splits["train"].image_path(1), dataset.splits["val"].image_path(0)
    assert copy["places"] == [
        {"where": str(train), "what": f"the same file as {val} in 'val'", "action": "left out with its boxes"}
    ]
    assert content["splits"]["val"] == []
    assert done["train"].counts == {"duplicate box": 1, "copy of an image": 1}
    assert "copy of an image" not in dataset.problems["train"].counts


def test_names_of_files_that_are_not_text_are_in_the_list(dataset_of, tmp_path):
    dataset = dataset_of(train=[[BOX], [OTHER]])
    dataset.problems["train"].add("strange line", "caf\udce9.txt", "five numbers", "left out")
    write_corrected(prepare(dataset), tmp_path / "copy")
    content = json.loads((tmp_path / "copy" / FIXES).read_bytes())
    assert content["splits"]["train"][0]["places"][0]["where"] == "caf\udce9.txt"


def test_copies_stay_where_they_are_scored(dataset_of):
    dataset = dataset_of(train=[[BOX], [BOX], [BOX]], val=[[BOX], [BOX]], test=[[OTHER]])
    copy_image(dataset, ("test", 0), ("train", 0))
    copy_image(dataset, ("test", 0), ("val", 0))
    copy_image(dataset, ("val", 1), ("train", 1))
    copy = corrected(prepare(dataset, max_lost=0.7))
    assert [names(copy, split) for split in ("train", "val", "test")] == [["2"], ["1"], ["0"]]


def test_copies_stay_in_a_training_split_that_would_lose_too_much(dataset_of):
    """A third of it is more than a tenth."""
    dataset = dataset_of(train=[[BOX], [BOX], [BOX]], val=[[BOX], [BOX]], test=[[OTHER], [OTHER]])
    copy_image(dataset, ("val", 0), ("train", 1))
    copy_image(dataset, ("val", 1), ("test", 1))
    copy = corrected(prepare(dataset))
    assert [names(copy, split) for split in ("train", "val", "test")] == [["0", "1", "2"], [], ["0", "1"]]


def test_copies_in_one_split_are_left_out_where_their_boxes_are_the_same(dataset_of):
    dataset = dataset_of(train=[[BOX, OTHER], [OTHER, BOX], [BOX]], val=[[BOX]])
    for row in (1, 2):
        copy_image(dataset, ("train", 0), ("train", row))
    assert names(corrected(prepare(dataset)), "train") == ["0", "2"]


def test_a_split_of_copies_only_is_left_out(dataset_of):
    dataset = dataset_of(train=[[BOX], [OTHER]], val=[[BOX]], test=[[BOX]])
    copy_image(dataset, ("test", 0), ("val", 0))
    assert set(corrected(prepare(dataset)).splits) == {"train", "test"}


def test_the_spelling_of_most_boxes_stays(dataset_of):
    """Case tells one letter from another."""
    boxes = [(label, 10 * place, 0, 9, 9) for place, label in enumerate((0, 1, 1, 2, 3, 4))]
    dataset = dataset_of(classes=("traffic light", "Traffic Light", "a", "A", "car"), train=[boxes])
    copy = corrected(prepare(dataset))
    assert copy.classes == ("Traffic Light", "a", "A", "car")
    assert copy.category_ids == (0, 2, 3, 4)
    assert copy.splits["train"].labels.tolist() == [0, 0, 0, 1, 2, 3]
    (problem,) = copy.problems["train"]
    assert problem.what == "class 'traffic light' is 'Traffic Light'"


def test_boxes_that_are_equal_in_one_spelling_are_one(dataset_of):
    dataset = dataset_of(classes=("car", "Car"), train=[[BOX, (1, *BOX[1:]), OTHER]])
    copy = corrected(prepare(dataset))
    assert copy.splits["train"].labels.tolist() == [0, 0]
    assert copy.problems["train"].counts == {"class in another spelling": 1, "duplicate box": 1}


def test_too_much_is_not_left_out(dataset_of, tmp_path):
    dataset = dataset_of(train=[[BOX], [OTHER]], val=[[BOX]])
    damage(dataset.splits["train"].image_path(0))
    with pytest.raises(BadInput, match=r"1 of 2 images \(50.0%\)"):
        write_corrected(prepare(dataset), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
