"""A run is not continued with other data than it began with, unless that is allowed."""

import dataclasses

import pytest

from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.training.run_folder import RunFolder
from detect.training.start.data_state import require_same_data, state_of


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(write_shapes(tmp_path_factory.mktemp("shapes"), train=6, val=2, image_size=32))


@pytest.fixture
def folder(dataset, tmp_path):
    state_of(dataset).save(RunFolder(tmp_path))
    return RunFolder(tmp_path)


def swapped(dataset):
    return dataclasses.replace(dataset, classes=(*dataset.classes[1:], dataset.classes[0]))


def fewer(dataset):
    train = dataset.splits["train"]
    return dataclasses.replace(dataset, splits={**dataset.splits, "train": train.select(range(4))})


def moved(dataset):
    val = dataset.splits["val"]
    boxes = dataclasses.replace(val, boxes=val.boxes + 1)
    return dataclasses.replace(dataset, splits={**dataset.splits, "val": boxes})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swapped, r"the classes were circle, square, triangle, and are square, triangle, circle"),
        (fewer, r"train had 6 images with \d+ boxes, and has 4 images with \d+ boxes\."),
        (moved, r"val has as many images and boxes as before, but other names, sizes or boxes"),
    ],
)
def test_what_has_changed_is_said_and_refused(dataset, folder, change, message):
    said = []
    require_same_data(folder, state_of(dataset), False, said.append)
    assert not said
    with pytest.raises(BadInput, match=f"{message}.*--set allow_changed_data=true"):
        require_same_data(folder, state_of(change(dataset)), False, said.append)
    require_same_data(folder, state_of(change(dataset)), True, said.append)
    assert len(said) == 1
    assert said[0].endswith("The run goes on with what there is now.")
    require_same_data(folder, state_of(change(dataset)), False, pytest.fail)  # this is now its data


def test_a_run_of_an_earlier_version_does_not_say_what_its_data_was(dataset, tmp_path):
    require_same_data(RunFolder(tmp_path), state_of(swapped(dataset)), False, pytest.fail)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"classes": [], "splits": {"train": NaN}}'])
def test_a_damaged_file_is_refused(dataset, folder, content):
    folder.data.write_bytes(content)
    with pytest.raises(BadInput, match=r"data\.json"):
        require_same_data(folder, state_of(dataset), False, pytest.fail)
