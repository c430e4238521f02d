"""VGG Image Annotator: shapes, the attribute that is the class, and what its files state besides."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

SQUARE = {"name": "rect", "x": 4, "y": 4, "width": 8, "height": 8}


def region(shape=SQUARE, **attributes) -> dict:
    return {"shape_attributes": shape, "region_attributes": attributes}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes the export of one image of 64 x 48 pixels, in a project if it has attributes."""

    def write(*regions, attributes=None, name="a.jpg"):
        write_image(tmp_path / "a.jpg")
        images = {f"{name}99": {"filename": name, "size": 99, "regions": [*regions], "file_attributes": {}}}
        project = {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {"region": attributes}}
        (tmp_path / "via.json").write_text(json.dumps(project if attributes else images))
        return tmp_path / "via.json"

    return write


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "rect", "x": 10.5, "y": 20, "width": 20, "height": 5}, [10.5, 20, 30.5, 25]),
        ({"name": "polygon", "all_points_x": [10, 30, 15], "all_points_y": [20, 25, 40]}, [10, 20, 30, 40]),
        ({"name": "polyline", "all_points_x": [10, 30], "all_points_y": [40, 20]}, [10, 20, 30, 40]),
        ({"name": "circle", "cx": 20, "cy": 15, "r": 5}, [15, 10, 25, 20]),
        ({"name": "ellipse", "cx": 20, "cy": 20, "rx": 10, "ry": 5}, [10, 15, 30, 25]),
        ({"name": "ellipse", "cx": 20, "cy": 20, "rx": 10, "ry": 5, "theta": np.pi / 2}, [15, 10, 25, 30]),
    ],
)
def test_shapes(write, shape, box):
    dataset = open_dataset(write(region(shape, kind="car")))
    np.testing.assert_allclose(split(dataset, "train").boxes, [box], atol=1e-5)
    assert any("upright hulls" in note for note in dataset.notes) == (shape["name"] != "rect")


def test_points_are_not_objects(write):
    dataset = open_dataset(write(region(kind="car"), region({"name": "point", "cx": 1, "cy": 1}, kind="car")))
    assert len(split(dataset, "train").boxes) == 1
    assert any(note.endswith("points are not objects and are left out (1)") for note in dataset.notes)


@pytest.mark.parametrize(
    ("attributes", "classes", "note"),
    [
        ({"what it is": "car"}, ("car",), "the class is the attribute 'what it is'"),
        ({"what it is": "car", "hidden": ""}, ("car",), "the class is the attribute 'what it is'"),
        ({"colour": "red", "Object class": "car"}, ("car",), "'Object class'; 'colour' are not read"),
        ({"kind": {"car": True, "bus": False}}, ("car",), "the class is the attribute 'kind'"),
        ({}, ("object",), "regions have no attributes: all are of the class 'object'"),
    ],
)
def test_the_class_is_an_attribute(write, attributes, classes, note):
    dataset = open_dataset(write(region(**attributes)))
    assert dataset.classes == classes
    assert any(note in line for line in dataset.notes)


@pytest.mark.parametrize("attributes", [{"kind": "car", "colour": "red"}, {"class": "car", "subclass": "taxi"}])
def test_several_attributes_that_may_be_the_class_are_refused(write, attributes):
    with pytest.raises(BadInput, match="nothing tells which of them is the class\\. Call it 'class'"):
        open_dataset(write(region(**attributes)))


def test_options_of_a_project_name_the_classes_and_give_their_order(write):
    options = {"7": "van", "1": "car", "bus": ""}
    path = write(region(kind="bus"), region({**SQUARE, "x": 20}, kind="1"), attributes={"kind": {"options": options}})
    dataset = open_dataset(path)
    assert dataset.classes == ("van", "car", "bus")
    assert split(dataset, "train").labels.tolist() == [2, 1]


def test_options_that_are_pictures_do_not_name_classes(write):
    path = write(region(kind="1"), attributes={"kind": {"type": "image", "options": {"1": "http://h/x.jpg"}}})
    assert open_dataset(path).classes == ("1",)


@pytest.mark.parametrize(
    "malformed",
    [
        region({"name": "rect", "x": 1}, kind="car"),
        region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, kind="car"),
        region({"name": "cube"}, kind="car"),
        region(SQUARE),
        region(SQUARE, kind={"car": True, "bus": True}),
        {"shape_attributes": 3},
    ],
)
def test_malformed_regions_are_reported(write, malformed):
    dataset = open_dataset(write(region(kind="car"), malformed))
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("via.json: image entry 0, annotation 1")
    assert dataset.problems["train"].lost_boxes == 1


def test_an_image_may_be_named_by_its_address(write):
    path = write(region(kind="car"), name="https://host.example/photos/a.jpg?size=large")
    (record,) = split(open_dataset(path), "train")
    assert record.image_path.name == "a.jpg"


def test_rows_of_an_image_need_not_follow_each_other(tmp_path, write_image):
    header = "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    square = json.dumps(SQUARE).replace('"', '""')
    rows = [f'{name}.jpg,9,"{{}}",1,0,"{square}","{{""kind"":""car""}}"' for name in "aba"]
    rows[2] = rows[2].replace('""x"": 4', '""x"": 20')
    for name in "ab":
        write_image(tmp_path / f"{name}.jpg")
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *rows, "c.jpg,9"]))
    dataset = open_dataset(path)
    assert [len(record.boxes) for record in split(dataset, "train")] == [2, 1]
    (problem,) = dataset.problems["train"]
    assert problem.where == f"{path}:5"


def test_a_table_of_the_third_version_is_refused_with_the_way_on(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n# Notes:\n")
    with pytest.raises(BadInput, match="Of VIA 3, give the project that it saves as JSON"):
        open_dataset(path)


def test_videos_of_a_project_of_the_third_version_are_reported(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    files = {"1": {"fname": "a.jpg", "type": 2}, "2": {"fname": "b.mp4", "type": 4}}
    region = {"vid": "1", "z": [], "xy": [2, 1, 2, 3, 4], "av": {"1": "car"}}
    about_the_image = {"vid": "1", "z": [], "xy": [], "av": {"2": "day"}}
    project = {
        "project": {"vid_list": ["1", "2"]},
        "attribute": {"1": {"aname": "kind"}, "2": {"aname": "light"}},
        "file": files,
        "view": {number: {"fid_list": [number]} for number in files},
        "metadata": {"x": region, "y": about_the_image},
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps(project))
    dataset = open_dataset(path)
    assert dataset.classes == ("car",)
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[1, 2, 4, 6]])
    assert (dataset.problems["train"].images_total, dataset.problems["train"].lost_images) == (2, 1)
