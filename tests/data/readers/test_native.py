import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from detect.config import build
from detect.data.readers.files.text_files import read_yaml
from detect.data.readers.native import Description, is_native, read_native
from detect.errors import BadInput

DATASETS = Path(__file__).parents[3] / "datasets"


@pytest.fixture
def write(tmp_path, write_image):
    """Write a COCO dataset into `data`, and return a function that writes its description."""
    write_image(tmp_path / "data" / "photos" / "a.jpg")
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
    }
    (tmp_path / "data" / "truth.json").write_text(json.dumps(truth))

    def write(**changes):
        splits = {"val": {"annotations": "truth.json", "images": "photos"}}
        description = {"format": "coco", "root": "data", "splits": splits, **changes}
        (tmp_path / "set.yaml").write_text(yaml.safe_dump(description))
        return tmp_path / "set.yaml"

    return write


def test_coco(write):
    dataset = read_native(write())
    assert dataset.splits["val"].labels.tolist() == [1]
    assert read_native(write(classes=["bus", "car"])).splits["val"].labels.tolist() == [0]


def test_voc_of_two_folders(tmp_path, write, write_image):
    for year in ("VOC2007", "VOC2012"):
        folder = tmp_path / "data" / year
        for part in ("Annotations", "ImageSets/Main"):
            (folder / part).mkdir(parents=True)
        write_image(folder / "JPEGImages" / f"{year}.jpg")
        box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        xml = f"<annotation><object><name>bus</name>{box}</object></annotation>"
        (folder / "Annotations" / f"{year}.xml").write_text(xml)
        (folder / "ImageSets" / "Main" / "trainval.txt").write_text(f"{year}\n")
    lists = [f"{year}/ImageSets/Main/trainval.txt" for year in ("VOC2007", "VOC2012")]
    splits = {"train": {"annotations": lists}, "test": {"annotations": lists[0]}}
    dataset = read_native(write(format="voc", classes=["car", "bus"], splits=splits))
    assert dataset.splits["train"].labels.tolist() == [1, 1]
    assert len(dataset.splits["test"]) == 1


def test_class_names_are_text_as_written(write):
    path = write(format="voc", classes=["x"])
    path.write_text(path.read_text().replace("- x", "- on\n- 007\n- null"))
    assert build(Description, read_yaml(path), str(path)).classes == ("on", "007", "null")


def test_folders_of_voc_files(tmp_path, write, write_image):
    write_image(tmp_path / "data" / "photos" / "a.jpg")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    (tmp_path / "data" / "boxes").mkdir()
    (tmp_path / "data" / "boxes" / "a.xml").write_text(
        f"<annotation><object><name>bus</name>{box}</object></annotation>"
    )
    dataset = read_native(write(format="voc", splits={"val": {"annotations": "boxes", "images": "photos"}}))
    np.testing.assert_array_equal(dataset.splits["val"].boxes, [[0, 0, 9, 9]])


@pytest.fixture
def write_sources(tmp_path, write_image):
    """Write `persons.json` and `cars.json`, one with two images, one with one, and return a function as `write`."""

    def write_coco(name: str, images: int, categories: list[str]) -> None:
        for row in range(images):
            write_image(tmp_path / name / f"{row}.jpg")
        entries = [{"id": row, "file_name": f"{row}.jpg", "width": 64, "height": 48} for row in range(images)]
        boxes = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 30, 4]}]
        named = [{"id": number, "name": category} for number, category in enumerate(categories, 1)]
        content = {"images": entries, "annotations": boxes, "categories": named}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    write_coco("persons", 2, ["person"])
    write_coco("cars", 1, ["car", "bus"])

    def write(*sources: dict, **changes):
        description = {"format": "coco", "splits": {"train": [*sources]}, **changes}
        (tmp_path / "set.yaml").write_text(yaml.safe_dump(description))
        return tmp_path / "set.yaml"

    return write


PERSONS, CARS = {"annotations": "persons.json", "images": "persons"}, {"data": "cars.json"}


def test_a_split_of_several_sources(write_sources):
    dataset = read_native(write_sources({**PERSONS, "classes": ["person"]}, {**CARS, "classes": ["car"]}))
    train = dataset.splits["train"]
    assert dataset.classes == ("person", "car", "bus")
    assert train.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(train.looked_for.sets[train.looked_for.rows], np.eye(3, dtype=bool)[[0, 0, 1]])
    assert any("persons.json, these classes were looked for: person" in note for note in dataset.notes)


def test_sources_without_classes_are_labelled_completely(write_sources):
    dataset = read_native(write_sources(PERSONS, CARS, classes=["bus", "car", "person"]))
    assert dataset.classes == ("bus", "car", "person")
    assert dataset.splits["train"].labels.tolist() == [2, 1]
    assert dataset.splits["train"].looked_for is None


def test_sources_of_which_a_class_is_left_out(write_sources):
    dataset = read_native(write_sources(PERSONS, CARS, classes=["person"]))
    assert dataset.splits["train"].labels.tolist() == [0]
    assert "class 'car' is left out with its 1 box" in dataset.notes


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ([{**PERSONS, "classes": ["persn"]}], "no source names the class 'persn'. Did you mean 'person'"),
        ([{**PERSONS, "data": "cars.json"}, CARS], "a source has 'data', or 'annotations' and 'images', not both"),
        ([{**CARS, "images": "persons"}], "a source has 'data', or 'annotations' and 'images', not both"),
        ([CARS, {"images": "cars"}], "'splits.train.annotations' is missing"),
        (["cars.json"], "splits.train.sources.0: expected names and values, got 'cars.json'"),
        ([{"data": "nowhere"}, CARS], "nowhere does not exist"),
    ],
)
def test_sources_that_do_not_fit_are_named(write_sources, sources, reason):
    with pytest.raises(BadInput, match=reason):
        read_native(write_sources(*sources))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "cocoa"}, r"format 'cocoa' is not one .* Did you mean 'coco'\?"),
        ({"roots": "x"}, "unknown setting 'roots'. Did you mean 'root'"),
        (
            {"splits": {"val": {"anotations": "truth.json"}}},
            r"unknown setting 'splits.val.anotations'. Did you mean 'annotations'",
        ),
        (
            {"splits": {"val": {"annotations": "truth.json", "sources": [{"data": "cars.json"}]}}},
            "split val: state one source, or several in a list",
        ),
        ({"root": "nowhere"}, "the folder .*nowhere does not exist"),
        ({"splits": {"validation": {"annotations": "truth.json"}}}, "'train', 'val' or 'test'"),
        ({"splits": {"val": {"annotations": "truth.json", "images": "none"}}}, "split val: the folder of images"),
        ({"splits": {"val": {"annotations": ["truth.json", "b.json"]}}}, "one annotation file per split, found 2"),
        ({"splits": {"val": {"annotations": "gone.json"}}}, "gone.json: cannot be read"),
        ({"classes": ["bike"]}, "no category is named bike"),
    ],
)
def test_what_does_not_fit_is_named(write, changes, reason):
    with pytest.raises(BadInput, match=reason):
        read_native(write(**changes))


@pytest.mark.parametrize("path", sorted(DATASETS.glob("*.yaml")), ids=lambda path: path.name)
def test_descriptions_of_public_sets(path):
    assert is_native(path)
    description = build(Description, read_yaml(path), str(path))
    named = [item for split in description.splits.values() for item in split.annotations]
    assert named
    assert f"`{path.name}`" in (DATASETS / "README.md").read_text(encoding="utf-8")


def test_blood_cells_as_described(fixtures, tmp_path):
    text = (DATASETS / "bccd.yaml").read_text(encoding="utf-8")
    (tmp_path / "bccd.yaml").write_text(text.replace("root: bccd", f"root: {fixtures / 'bccd'}"))
    dataset = read_native(tmp_path / "bccd.yaml")
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 6, "val": 3, "test": 3}
    assert dataset.classes == ("Platelets", "RBC", "WBC")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("splits: {train: {annotations: a.json}}", "'format' is missing"),
        ("format: coco\nsplits: {}", "splits: expected one entry or more, got {}"),
        ("format: coco\nsplits:", "splits: expected names and values, got ''"),
        (
            "format: coco\nsplits: {trian: {annotations: a.json}}",
            "splits.trian: expected 'train', 'val' or 'test', got",
        ),
        ("format: coco\nsplits: {train: a.json}", "splits.train: expected names and values, got 'a.json'"),
        ("format: coco\nsplits: {train: {annotations: }}", "splits.train.annotations: expected text or a list, got ''"),
        ("format: coco\nclasses: bus\nsplits: {train: {annotations: a.json}}", "classes: expected a list, got 'bus'"),
    ],
)
def test_a_slip_is_named_in_a_sentence(tmp_path, text, reason):
    (tmp_path / "set.yaml").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_native(tmp_path / "set.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'set.yaml'}: {reason}")
