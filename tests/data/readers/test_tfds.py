"""Datasets of TensorFlow Datasets: prepared folders, and names."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_sets import (
    TRUTH,
    Box,
    encoded_example,
    encoded_image,
    prepared_example,
    replace,
    write_prepared,
    write_records,
)

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The folder in which datasets are prepared; empty."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # importing it fails
    return tmp_path


def test_ids_and_classes_are_those_of_the_dataset(tmp_path):
    dataset = open_dataset(write_prepared(tmp_path))
    assert dataset.category_ids == (0, 1)
    assert split(dataset, "train").image_ids.tolist() == [ord(name[0]) for name in TRUTH["train"]]


def test_a_name_stands_for_what_is_prepared(home):
    write_prepared(home / "cars" / "1.0.0")
    for name in ("cars", "cars:1.0.0"):
        assert open_dataset(f"tfds:{name}").source == home / "cars" / "1.0.0"
    with pytest.raises(BadInput, match=r"tfds:cars:2\.0\.0 is not prepared in .* pip install tensorflow-datasets"):
        open_dataset("tfds:cars:2.0.0")


def test_the_latest_version_of_the_only_configuration_is_taken(home):
    for version in ("1.9.0", "1.10.0"):
        write_prepared(home / "cars" / "red" / version)
    assert open_dataset("tfds:cars").source.name == "1.10.0"
    write_prepared(home / "cars" / "blue" / "1.0.0")
    with pytest.raises(BadInput, match="give one of tfds:cars/blue, tfds:cars/red"):
        open_dataset("tfds:cars")
    assert open_dataset("tfds:cars/blue").source == home / "cars" / "blue" / "1.0.0"


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a/b/c", "a b"])
def test_what_is_not_a_name(home, name):
    with pytest.raises(BadInput, match="is not a dataset"):
        open_dataset(f"tfds:{name}")


def test_a_dataset_that_is_not_there_is_prepared(home, monkeypatch):
    folder = home / "cars" / "1.0.0"
    calls = []

    def builder(name, **options):
        calls.append((name, options))
        return SimpleNamespace(data_dir=str(folder), download_and_prepare=lambda: write_prepared(folder))

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(builder=builder))
    assert len(split(open_dataset("tfds:cars"), "val")) == len(TRUTH["val"])
    assert calls == [("cars", {"data_dir": str(home), "file_format": "tfrecord"})]


def test_why_it_cannot_be_prepared_is_said(home, monkeypatch):
    def builder(name, **options):
        raise RuntimeError("no network")

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(builder=builder))
    with pytest.raises(BadInput, match=r"cannot prepare it in .*: no network"):
        open_dataset("tfds:cars")


def test_objects_without_a_class_are_of_one(tmp_path):
    write_prepared(tmp_path)
    path = tmp_path / "features.json"
    content = json.loads(path.read_text())
    features = content["featuresDict"]["features"]
    features["faces"] = features.pop("objects")
    del features["faces"]["sequence"]["feature"]["featuresDict"]["features"]["label"]
    path.write_text(json.dumps(content))
    example = {"image": [encoded_image("a.png")], "faces/bbox": [0.0, 0.0, 0.5, 0.25]}
    write_records(tmp_path / "cars-train.tfrecord-00000-of-00001", [encoded_example(example)])
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("faces",)
    assert split(dataset, "train").boxes.tolist() == [[0, 0, 10, 10]]


def test_an_image_with_one_object(tmp_path):
    """Features of the object beside the image, as in datasets for classification that have boxes."""
    write_prepared(tmp_path)
    features = {
        "image": {"image": {}},
        "bbox": {"boundingBox": {}},
        "label": {"classLabel": {"numClasses": "3"}},
    }
    (tmp_path / "features.json").write_text(json.dumps({"featuresDict": {"features": features}}))
    example = {"image": [encoded_image("a.png")], "bbox": [0.0, 0.0, 0.5, 0.25], "label": [2]}
    write_records(tmp_path / "cars-train.tfrecord-00000-of-00001", [encoded_example(example)])
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("0", "1", "2")
    assert split(dataset, "train").labels.tolist() == [2]


def test_label_minus_one_is_not_a_class(tmp_path):
    write_prepared(tmp_path)
    example = {**prepared_example("a.png", [Box(0, 0, 0, 10, 5), Box(-1, 0, 0, 8, 8)])}
    write_records(tmp_path / "cars-train.tfrecord-00000-of-00001", [encoded_example(example)])
    problems = open_dataset(tmp_path).problems["train"]
    assert (problems.counts, problems.lost_boxes) == ({"unknown class": 1}, 1)


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("dataset_info.json", '"tfrecord"', '"array_record"', "'array_record', which cannot be read"),
        ("dataset_info.json", '"splits"', '"parts"', "no file of a split"),
        ("dataset_info.json", '"cars"', '"dogs"', "no file of a split"),
        ("features.json", "boundingBox", "tensor2", "expected an image and bounding boxes"),
        ("features.json", "{", "", "is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, file, old, new, why):
    write_prepared(tmp_path)
    path = tmp_path / file
    if old == "{":
        path.write_text("nothing")
    else:
        replace(path, old, new)
    with pytest.raises(BadInput, match=why):
        open_dataset(tmp_path)
