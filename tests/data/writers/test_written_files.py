"""The content of written files, as other programs read it."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import yaml
from rich_dataset import rich_dataset

from detect.data.curation.converting import convert
from detect.errors import BadInput


@pytest.fixture
def written(tmp_path):
    """Return a function that writes the rich dataset in a format, and returns its folder."""

    def write(name: str):
        return convert(rich_dataset(tmp_path / "original"), name, tmp_path / name).folder

    return write


def test_coco_states_everything(written):
    content = json.loads((written("coco") / "annotations" / "instances_train.json").read_text())
    assert content["categories"][:2] == [{"id": 3, "name": "van"}, {"id": 7, "name": "no"}]
    assert content["images"][1] == {"id": 12, "file_name": "cam 1/ü b.png", "width": 48, "height": 32}
    assert [annotation["id"] for annotation in content["annotations"]] == [1, 2, 3, 4]
    assert content["annotations"][1] == {
        "id": 2,
        "image_id": 70,
        "category_id": 7,
        "bbox": [20.25, 10.5, 27.75, 21.5],
        "area": 100.5,
        "iscrowd": 0,
    }
    assert [annotation["iscrowd"] for annotation in content["annotations"]] == [0, 0, 1, 0]


def test_yolo_has_fractions_and_text_names(written):
    """The box 0, 0, 10, 5 in an image of 48 x 32."""
    folder = written("yolo")
    description = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert description == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "van", 1: "no", 2: "Bus & <tram>", 3: "unused"},
    }
    first, second = (folder / "labels" / "train" / "a.txt").read_text().splitlines()
    assert first.split() == ["0", repr(5 / 48), repr(2.5 / 32), repr(10 / 48), repr(5 / 32)]
    assert second.split()[0] == "1"
    assert (folder / "labels" / "train" / "background.txt").read_text() == ""


def test_voc_counts_from_one(written):
    """The boxes 0, 0, 10, 5 and 20.25, 10.5, 48, 32."""
    folder = written("voc")
    root = ElementTree.parse(folder / "Annotations" / "a.xml").getroot()
    boxes = [[corner.text for corner in box] for box in root.iter("bndbox")]
    assert boxes == [["1", "1", "10", "5"], ["21.25", "11.5", "48", "32"]]
    assert [name.text for name in root.iter("name")] == ["van", "no"]
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["48", "32", "3"]
    other = ElementTree.parse(folder / "Annotations" / "cam 1" / "ü b.xml").getroot()
    assert [flag.text for flag in other.iter("difficult")] == ["1", "0"]
    assert other.findtext("filename") == "cam 1/ü b.png"
    assert (folder / "ImageSets" / "Main" / "train.txt").read_text("utf-8") == "a\ncam 1/ü b\nbackground\n"


def test_csv_names_images_without_boxes(written):
    folder = written("csv")
    assert (folder / "train.csv").read_text("utf-8").splitlines() == [
        "images/train/a.png,0,0,10,5,van",
        "images/train/a.png,20.25,10.5,48,32,no",
        "images/train/cam 1/ü b.png,10.1,5.7,30.3,15.9,van",
        "images/train/background.png,,,,,",
    ]
    assert (folder / "classes.csv").read_text().splitlines() == ["van,0", "no,1", "Bus & <tram>,2", "unused,3"]


def test_a_class_that_xml_cannot_name_is_refused(tmp_path):
    dataset = rich_dataset(tmp_path / "original")
    dataset = replace(dataset, classes=("a\x01b", *dataset.classes[1:]))
    with pytest.raises(BadInput, match="XML cannot hold"):
        convert(dataset, "voc", tmp_path / "out")
