"""VoTT JSON: tags of regions, and the order of the classes."""

import json

import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset

BOX = {"left": 10, "top": 20, "width": 20, "height": 5}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the export of one image of 64 x 48 pixels."""

    def write(*regions, tags=("van", "car", "bus")):
        write_image(tmp_path / "a b.jpg")
        assets = {"x": {"asset": {"name": "a%20b.jpg", "size": {"width": 64, "height": 48}}, "regions": [*regions]}}
        path = tmp_path / "train.json"
        path.write_text(json.dumps({"assets": assets, "tags": [{"name": tag} for tag in tags]}))
        return path

    return write


def test_a_region_with_several_tags_is_an_object_of_each_class(write):
    dataset = open_dataset(write({"boundingBox": BOX, "tags": ["bus", "van"]}))
    assert dataset.classes == ("van", "car", "bus")
    assert split(dataset, "train").labels.tolist() == [2, 0]
    assert split(dataset, "train").boxes.tolist() == [[10, 20, 30, 25]] * 2


def test_tags_that_are_not_stated_come_last(write):
    assert open_dataset(write({"boundingBox": BOX, "tags": ["ape"]}, tags=["van"])).classes == ("van", "ape")
    assert open_dataset(write({"boundingBox": BOX, "tags": ["ape"]}, tags=[])).classes == ("ape",)


@pytest.mark.parametrize("region", [{"boundingBox": BOX, "tags": []}, {"boundingBox": {}, "tags": ["car"]}, {}, 3])
def test_malformed_regions_are_reported(write, region):
    path = write({"boundingBox": BOX, "tags": ["car"]}, region)
    problem, spelling = open_dataset(path).problems["train"]
    assert (spelling.kind, problem.kind) == ("image with another spelling", "malformed annotation")
    assert problem.where == f"{path}: image entry 0, annotation 1"
