"""Cityscapes and CityPersons: which regions are objects, and where the images are."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

SQUARE = [[4, 4], [12, 4], [12, 12]]


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the file of one image of 64 x 48 pixels in `gtFine` or another folder."""

    def write(*objects, kind="gtFine", part="train", frame="aachen_000000_000019"):
        write_image(tmp_path / "leftImg8bit" / part / "aachen" / f"{frame}_leftImg8bit.png")
        path = tmp_path / kind / part / "aachen" / f"{frame}_{kind}{'_polygons' if kind == 'gtFine' else ''}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"imgHeight": 48, "imgWidth": 64, "objects": [*objects]}))
        return tmp_path

    return write


def region(label, polygon=SQUARE) -> dict:
    return {"label": label, "polygon": polygon}


def test_polygons_of_instances_and_groups(write):
    dataset = open_dataset(
        write(region("car"), region("cargroup", [[20, 20], [30, 40]]), region("road"), region("sky"))
    )
    records = split(dataset, "train")
    assert dataset.classes == ("car",)
    np.testing.assert_array_equal(records.boxes, [[4, 4, 12, 12], [20, 20, 30, 40]])
    assert records.ignore.tolist() == [False, True]
    notes = " ".join(dataset.notes)
    assert "regions of no class with instances are left out (2)" in notes
    assert "polygons are replaced by their upright hulls (2)" in notes


def test_boxes_of_persons(write):
    boxes = [("rider", [4, 4, 8, 8]), ("person group", [20, 10, 10, 20]), ("ignore", [0, 0, 5, 5])]
    dataset = open_dataset(write(*({"label": label, "bbox": box} for label, box in boxes), kind="gtBboxCityPersons"))
    records = split(dataset, "train")
    assert dataset.classes == ("pedestrian", "rider")
    np.testing.assert_array_equal(records.boxes, [[4, 4, 12, 12], [20, 10, 30, 30]])
    assert records.labels.tolist() == [1, 0]
    assert records.ignore.tolist() == [False, True]


def test_images_of_the_test_split_are_not_background(write):
    write(region("car"))
    dataset = open_dataset(write(region("ego vehicle"), region("out of roi"), part="test"))
    assert set(dataset.splits) == {"train"}
    assert any("images that are not labelled" in note and note.endswith("(1)") for note in dataset.notes)


def test_both_kinds_of_annotations_are_of_the_same_images(write):
    write(region("car"))
    folder = write({"label": "rider", "bbox": [4, 4, 8, 8]}, kind="gtBboxCityPersons")
    with pytest.raises(BadInput, match=r"several datasets: gtBboxCityPersons/.*, gtFine/"):
        open_dataset(folder)
    assert open_dataset(folder / "gtFine").classes == ("car",)
