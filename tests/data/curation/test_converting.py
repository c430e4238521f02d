"""Writing datasets in other formats."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from records_of import records_of

from detect.data.curation.converting import convert
from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.readers.description import open_dataset
from detect.data.records import Record
from detect.errors import BadInput, RunFailure


@pytest.fixture
def dataset_of(tmp_path, write_image):
    """Return a function that makes a dataset of one split, with one box in each image."""

    def make(*names: str) -> Dataset:
        return Dataset(tmp_path, "none", ("a",), (1,), {"train": records(*names)}, {"train": Problems(1, 1)}, ())

    def records(*names: str):
        box = np.array([[1, 2, 30, 40]], np.float32)
        flags = np.zeros(1, np.int32), np.zeros(1, bool), np.array([29.0 * 38])
        return records_of(
            Record(write_image(tmp_path / name, level=row), row + 1, 64, 48, box, *flags)
            for row, name in enumerate(names)
        )

    return make


def names_in(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file())


def test_images_keep_their_names_below_the_folder_they_have_in_common(dataset_of, tmp_path):
    convert(dataset_of("x/y/cam1/1.png", "x/y/cam2/1.png"), "coco", tmp_path / "out")
    assert names_in(tmp_path / "out" / "images") == ["train/cam1/1.png", "train/cam2/1.png"]


def test_images_with_names_that_are_alike_get_numbers(dataset_of, tmp_path):
    dataset = dataset_of("x/1.png", "x/1.jpg", "x/2.png")
    assert names_in(convert(dataset, "coco", tmp_path / "coco").folder / "images") == [
        "train/1.jpg",
        "train/1.png",
        "train/2.png",
    ]
    written = convert(dataset, "yolo", tmp_path / "yolo")
    assert names_in(tmp_path / "yolo" / "images") == ["train/1-2.jpg", "train/1.png", "train/2.png"]
    assert names_in(tmp_path / "yolo" / "labels") == ["train/1-2.txt", "train/1.txt", "train/2.txt"]
    assert any(
        note.startswith("images are renamed") and note.endswith("(1): '1-2.jpg' for '1.jpg'") for note in written.notes
    )


def test_images_of_all_splits_differ_in_a_format_with_one_folder(dataset_of, tmp_path):
    dataset = dataset_of("x/1.png", "x/2.png")
    other = replace(dataset_of("y/1.png", "y/3.png").splits["train"])
    both = replace(dataset, splits={"train": dataset.splits["train"], "val": other})
    convert(both, "voc", tmp_path / "voc")
    assert names_in(tmp_path / "voc" / "JPEGImages") == ["1-2.png", "1.png", "2.png", "3.png"]
    back = open_dataset(tmp_path / "voc").splits
    assert [record.image_path.name for record in back["val"]] == ["1-2.png", "3.png"]


def test_an_image_without_a_suffix_gets_that_of_its_content(dataset_of, tmp_path):
    dataset = dataset_of("x/1.webp", "x/2.png")
    os.rename(tmp_path / "x" / "1.webp", tmp_path / "x" / "1")
    records = replace(dataset.splits["train"], paths=type(dataset.splits["train"].paths)([str(tmp_path / "x" / "1")]))
    records = replace(records.select([0]), folder="")
    convert(replace(dataset, splits={"train": records}), "yolo", tmp_path / "out")
    assert names_in(tmp_path / "out" / "images") == ["train/1.webp"]


@pytest.mark.parametrize("copies", [False, True])
def test_images_are_second_names_of_their_files_or_copies(dataset_of, tmp_path, copies):
    written = convert(dataset_of("1.png"), "coco", tmp_path / "out", copies=copies)
    image = tmp_path / "out" / "images" / "train" / "1.png"
    assert image.read_bytes() == (tmp_path / "1.png").read_bytes()
    assert os.path.samefile(image, tmp_path / "1.png") is not copies
    assert any("hard links" in note for note in written.notes) is not copies


def test_an_image_that_is_turned_is_described_upright(tmp_path):
    path = tmp_path / "1.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    box = np.array([[1, 2, 30, 60]], np.float32)
    record = Record(path, 1, 48, 64, box, np.zeros(1, np.int32), np.zeros(1, bool), np.array([29.0 * 58]))
    dataset = Dataset(tmp_path, "none", ("a",), (1,), {"train": records_of([record])}, {}, ())
    written = convert(dataset, "voc", tmp_path / "out")
    assert any(
        note.startswith("images are turned by their EXIF orientation") and note.endswith("(1)")
        for note in written.notes
    )
    (back,) = open_dataset(tmp_path / "out").splits["train"]
    assert (back.width, back.height) == (48, 64)
    np.testing.assert_array_equal(back.boxes, box)


def test_what_a_format_cannot_hold_is_counted(dataset_of, tmp_path):
    dataset = dataset_of("1.png", "2.png")
    records = replace(
        dataset.splits["train"],
        image_ids=np.array([1, 7]),
        ignore=np.array([False, True]),
        areas=np.array([29.0 * 38, 12]),
        boxes=np.array([[1, 2, 30, 40], [1, 2, 30.5, 40]], np.float32),
    )
    dataset = replace(dataset, splits={"train": records}, category_ids=(5,))
    written = convert(dataset, "yolo", tmp_path / "yolo")
    assert [loss.partition(":")[0] for loss in written.losses] == [
        "ids of images other than their places (1)",
        "ids of categories (1)",
        "boxes to be ignored (crowd or difficult) (1)",
        "areas of masks (1)",
    ]
    assert written.splits == {"train": (2, 1)}
    assert convert(dataset, "coco", tmp_path / "coco").losses == ()
    (image, other) = json.loads((tmp_path / "coco" / "annotations" / "instances_train.json").read_text())["images"]
    assert (image["id"], other["id"]) == (1, 7)


def test_a_folder_that_holds_something_is_not_touched(dataset_of, tmp_path):
    with pytest.raises(BadInput, match="not an empty folder"):
        convert(dataset_of("1.png"), "coco", tmp_path)
    assert names_in(tmp_path) == ["1.png"]


def test_nothing_is_left_where_an_image_is_gone(dataset_of, tmp_path):
    dataset = dataset_of("x/1.png", "x/2.png")
    (tmp_path / "x" / "2.png").unlink()
    with pytest.raises(RunFailure, match=r"2\.png: the image cannot be read any more"):
        convert(dataset, "coco", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_unknown_format_and_a_dataset_with_losses_are_refused(dataset_of, tmp_path):
    dataset = dataset_of("1.png")
    with pytest.raises(BadInput, match="Did you mean 'coco'"):
        convert(dataset, "coc", tmp_path / "out")
    lost = Problems(images_total=2, boxes_total=2)
    lost.add("missing image", "x", "gone", "left out", images=1, boxes=1)
    with pytest.raises(BadInput, match="1 of 2 images"):
        convert(replace(dataset, problems={"train": lost}), "coco", tmp_path / "out")
    with pytest.raises(BadInput, match=r"'val' cannot be used\. No image"):
        convert(replace(dataset, refused={"val": "No image."}), "coco", tmp_path / "out")
    written = convert(replace(dataset, refused={"val": "No image."}), "coco", tmp_path / "out", max_lost=1)
    assert written.splits == {"train": (1, 1)}


def test_progress_counts_images(dataset_of, tmp_path):
    seen: list[tuple[int, int]] = []
    convert(dataset_of("1.png", "2.png"), "coco", tmp_path / "out", progress=lambda *state: seen.append(state))
    assert seen == [(1, 2), (2, 2)]
