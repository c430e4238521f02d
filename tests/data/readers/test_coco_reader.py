import json

import numpy as np
import pytest

from detect.data.dataset import check_losses, split
from detect.data.readers.coco import coco_looked_for, read_coco, read_coco_file, read_coco_folder, read_roboflow
from detect.data.readers.coco.coco_content import load_coco
from detect.data.readers.coco.coco_files import loose_files, split_files
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.errors import BadInput
from detect.evaluation.truth import truth_from_file, truth_from_records


def document(images=("a.jpg",), boxes=((1, 1, 2, 3, 10, 20),), names=("car", "bus")) -> dict:
    """COCO truth; `boxes` are image id, category id and x, y, width, height; ids count from 1."""
    return {
        "images": [{"id": row, "file_name": name, "width": 64, "height": 48} for row, name in enumerate(images, 1)],
        "annotations": [
            {"id": 100 + row, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0}
            for row, (image, category, *box) in enumerate(boxes)
        ],
        "categories": [{"id": label, "name": name} for label, name in enumerate(names, 1)],
    }


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a JSON and images with the given names."""

    def write(path: str, content, images=(), folder: str = ""):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content), encoding="utf-8")
        for name in images:
            write_image(tmp_path / folder / name)
        return target

    return write


def test_boxes_areas_and_crowds(write):
    content = document(boxes=[(1, 2, 2, 3, 10, 20), (1, 1, 0, 0, 64, 48)])
    content["annotations"][0]["area"] = 33.5
    content["annotations"][1]["iscrowd"] = 1
    dataset = read_coco_file(write("train.json", content, ["a.jpg"]))
    record = split(dataset, "train")[0]
    np.testing.assert_array_equal(record.boxes, [[2, 3, 12, 23], [0, 0, 64, 48]])
    assert record.labels.tolist() == [1, 0]
    assert record.ignore.tolist() == [False, True]
    assert record.areas.tolist() == [33.5, 64 * 48]
    assert record.image_id == 1
    assert dataset.classes == ("car", "bus")
    assert dataset.category_ids == (1, 2)
    assert not dataset.problems["train"].counts


def test_ids_may_be_texts(write):
    content = document(["a.jpg", "b.jpg"], [("x-2", "car-1", 2, 3, 10, 20), ("1", "2", 0, 0, 9, 9)])
    content["images"][1]["id"] = "x-2"
    content["categories"][0]["id"] = "car-1"
    path = write("train.json", content, ["a.jpg", "b.jpg"])
    dataset = read_coco_file(path)
    records = split(dataset, "train")
    assert dataset.category_ids == (2, "car-1")
    assert [record.image_id for record in records] == ["1", "x-2"]
    assert records.labels.tolist() == [0, 1]
    assert "category ids to labels: 2 'bus' -> 0, car-1 'car' -> 1" in dataset.notes
    truth = truth_from_records(records, dataset.classes, dataset.category_ids)
    assert truth.image_ids[truth.images].tolist() == ["1", "x-2"]
    assert truth.category_ids[truth.categories].tolist() == ["2", "car-1"]


@pytest.mark.parametrize("unit", [1, 64])
def test_corners_and_fractions_in_place_of_sizes_are_lost(write, unit):
    corners = [(1, 1, 40 / unit, start / unit, 60 / unit, (start + 8) / unit) for start in range(30, 40)]
    dataset = read_coco_file(write("train.json", document(boxes=corners), ["a.jpg"]))
    assert dataset.problems["train"].counts == {"box in another form" if unit == 1 else "box in another unit": 10}
    with pytest.raises(BadInput, match=r"(?s)10 of 10 boxes \(100.0%\) .*(as x1, y1, x2, y2|fractions of the image)"):
        check_losses(dataset, "train")


def test_annotations_without_boxes_are_said(write):
    content = document()
    content["annotations"][0].update(bbox=None, segmentation=[[2, 3, 12, 3, 12, 23]])
    dataset = read_coco_file(write("train.json", content, ["a.jpg"]))
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[2, 3, 12, 23]])
    assert (
        "train.json: where annotations state no box, the bounds of their segmentations are taken (1)" in dataset.notes
    )


def test_images_without_boxes_are_kept(write):
    dataset = read_coco_file(write("x.json", document(["a.jpg", "b.jpg"]), ["a.jpg", "b.jpg"]))
    assert [len(record.boxes) for record in split(dataset, "train")] == [1, 0]


@pytest.mark.parametrize(
    ("name", "expected"), [("instances_val2017.json", "val"), ("test.json", "test"), ("my_labels.json", "train")]
)
def test_the_split_is_in_the_name(write, name, expected):
    dataset = read_coco_file(write(name, document(), ["a.jpg"]))
    assert list(dataset.splits) == [expected]
    assert expected in dataset.notes[0]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("train.json", ""),
        ("train.json", "images"),
        ("train.json", "train"),
        ("annotations/x.json", "images"),
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/instances_train2017.json", "train"),
        ("annotations/instances_train.json", "images/train"),
        ("annotations/x.json", ""),
    ],
)
def test_images_are_looked_for_beside_the_json(tmp_path, write, path, folder):
    dataset = read_coco_file(write(path, document(), ["a.jpg"], folder))
    (records,) = dataset.splits.values()
    assert records[0].image_path == tmp_path / folder / "a.jpg"
    beside = (tmp_path / path).parent == tmp_path / folder
    assert (f"are found in {tmp_path / folder}" in " ".join(dataset.notes)) is not beside


def test_the_folder_that_holds_most_images_is_taken(tmp_path, write):
    names = ["a.jpg", "b.jpg", "c.jpg"]
    path = write("x.json", document(names), names, "images")
    write("unused.json", {}, ["a.jpg"])
    assert split(read_coco_file(path), "train")[2].image_path == tmp_path / "images" / "c.jpg"


def test_paths_of_another_machine_are_cut(tmp_path, write):
    content = document(["C:\\data\\photos\\a.jpg"])
    dataset = read_coco_file(write("x.json", content, ["a.jpg"], "images"))
    assert split(dataset, "train")[0].image_path == tmp_path / "images" / "a.jpg"


def test_each_name_is_cut_where_it_has_to_be(tmp_path, write):
    content = document(["..\\label\\a.jpg", "b.jpg"])
    dataset = read_coco_file(write("x.json", content, ["a.jpg", "b.jpg"]))
    assert list(split(dataset, "train").paths) == ["a.jpg", "b.jpg"]
    example = "'..\\\\label\\\\a.jpg' is 'a.jpg'"
    assert f"x.json: images are found without folders before their names (1): {example}" in dataset.notes


def test_names_that_are_spelt_otherwise_are_taken_and_reported(tmp_path, write):
    content = document(["A.JPG", "my%20photo.jpg", "c.jpg"])
    path = write("x.json", content, ["a.jpg", "my photo.jpg", "c.jpg"], "images")
    dataset = read_coco_file(path)
    assert list(split(dataset, "train").paths) == ["a.jpg", "my photo.jpg", "c.jpg"]
    problems = dataset.problems["train"]
    assert problems.counts == {"image with another spelling": 2}
    assert problems.lost_share() == 0
    first = next(iter(problems))
    assert str(first) == f"{path}: image 1: 'A.JPG' is 'a.jpg' in {tmp_path / 'images'}; taken"


@pytest.mark.parametrize(
    ("path", "folder"),
    [("labels.json", "data"), ("x.json", "any"), ("annotations/x.json", "any"), ("Labels/x.json", "a b")],
)
def test_images_may_be_in_a_folder_of_any_name(tmp_path, write, path, folder):
    dataset = read_coco_file(write(path, document(), ["a.jpg"], folder))
    assert dataset.splits["train"][0].image_path == tmp_path / folder / "a.jpg"


def test_of_equal_folders_the_one_where_names_are_as_stated_is_taken(tmp_path, write):
    write("unused.json", {}, ["a.jpg"], "images")
    dataset = read_coco_file(write("x.json", document(["sub/a.jpg"]), ["sub/a.jpg"], "data"))
    assert dataset.splits["train"][0].image_path == tmp_path / "data" / "sub" / "a.jpg"


def test_hidden_folders_hold_no_images(tmp_path, write):
    path = write("x.json", document(), ["a.jpg"], ".ipynb_checkpoints")
    with pytest.raises(BadInput, match=r"none of its images \(1, such as 'a.jpg'\) exists"):
        read_coco_file(path)


def test_folders_in_file_names(tmp_path, write):
    dataset = read_coco_file(write("x.json", document(["sub\\a.jpg"]), ["a.jpg"], "images/sub"))
    assert split(dataset, "train")[0].image_path == tmp_path / "images" / "sub" / "a.jpg"


def test_bad_annotations_are_named_and_dropped(write):
    content = document(boxes=[(1, 1, 2, 3, 10, 20)] * 9)
    for row, changes in enumerate(
        [
            {},
            {"image_id": 55},
            {"category_id": 55},
            {"bbox": [1, 2, 3]},
            {"bbox": None},
            {"bbox": [1, 2, "wide", 4]},
            {"bbox": [1, 2, -3, 4]},
            {"bbox": [1, 2, 0, 4]},
            {"bbox": [float("nan"), 2, 3, 4]},
        ]
    ):
        content["annotations"][row].update(changes)
    content["annotations"] += [17, {"id": 200, "image_id": [1], "category_id": 1, "bbox": [1, 1, 1, 1]}]
    path = write("train.json", content, ["a.jpg"])
    dataset = read_coco_file(path)
    problems = dataset.problems["train"]
    assert problems.counts == {
        "unknown image": 2,
        "unknown class": 1,
        "malformed annotation": 4,
        "inverted box": 1,
        "zero-area box": 1,
        "box that is not a number": 1,
    }
    assert (problems.boxes_total, problems.lost_boxes) == (11, 10)
    places = {problem.where for problem in problems}
    assert {f"{path}: annotation {number}" for number in range(101, 109)} < places
    assert f"{path}: annotation entry 9" in places
    with pytest.raises(BadInput, match=r"10 of 11 boxes \(90.9%\)"):
        check_losses(dataset, "train")


def test_bad_image_entries_are_named(write):
    content = document(["a.jpg", "b.jpg"])
    content["images"] += [{"id": 2, "file_name": "c.jpg"}, {"id": 9}, "a.jpg", {"id": True, "file_name": "d.jpg"}]
    dataset = read_coco_file(write("x.json", content, ["a.jpg", "b.jpg"]))
    problems = dataset.problems["train"]
    assert problems.counts == {"image id of several images": 2, "malformed image entry": 3}
    assert (problems.images_total, problems.lost_images) == (6, 5)


def test_coco_layout(tmp_path, write):
    write("annotations/instances_train2017.json", document(), ["a.jpg"], "train2017")
    write("annotations/instances_val2017.json", document(["b.jpg"]), ["b.jpg"], "val2017")
    write("annotations/captions_train2017.json", {"images": [], "annotations": []})
    dataset = read_coco_folder(tmp_path)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 1, "val": 1}
    write("annotations/instances_train2014.json", document())
    with pytest.raises(
        BadInput, match=r"instances_train2014.json and annotations.*instances_train2017.json both name split 'train'"
    ):
        read_coco_folder(tmp_path)


def test_one_file_alone_is_the_training_split(tmp_path, write):
    write("annotations/instances_default.json", document(), ["a.jpg"], "images/default")
    write("annotations/._instances_default.json", "written by macOS")
    write("annotations/.ipynb_checkpoints/instances_default-checkpoint.json", document())
    dataset = read_coco_folder(tmp_path)
    assert list(dataset.splits) == ["train"]
    assert dataset.source == tmp_path
    assert dataset.notes[0] == "split 'train': 'instances_default' names none"


def test_files_that_are_not_read_are_said(tmp_path, write):
    write("annotations/train.json", document(), ["a.jpg"], "images")
    write("annotations/more.json", document(["b.jpg"]))
    dataset = read_coco_folder(tmp_path)
    assert list(dataset.splits) == ["train"]
    assert dataset.notes[0] == "not read, because no split is in their names: more.json"
    (tmp_path / "annotations" / "train.json").rename(tmp_path / "annotations" / "others.json")
    with pytest.raises(BadInput, match=r"no file name speaks of train, val or test: more.json, others.json"):
        read_coco_folder(tmp_path)


def test_what_else_is_json_in_a_folder_is_not_coco(tmp_path, write):
    path = write("labels.json", document(), ["a.jpg"], "data")
    write("package.json", {"name": "x"})
    (tmp_path / "broken.json").write_text("{")
    assert loose_files(Folder(tmp_path)) == [path]
    for number in range(20):  # as in a folder with annotations of single images
        write(f"{number}.json", {"shapes": []})
    assert loose_files(Folder(tmp_path)) == []


def test_two_folders_of_one_split_are_refused(tmp_path, write):
    for name in ("val", "valid"):
        write(f"{name}/labels.json", document(), ["a.jpg"], f"{name}/data")
    with pytest.raises(BadInput, match=r"valid.labels.json and val.labels.json both name split 'val'"):
        split_files(Folder(tmp_path))


def test_a_split_without_its_images_is_refused_and_the_others_stay(tmp_path, write):
    write("annotations/instances_train2017.json", document())
    write("annotations/instances_val2017.json", document(["b.jpg"]), ["b.jpg"], "val2017")
    dataset = read_coco_folder(tmp_path)
    assert list(dataset.splits) == ["val"]
    assert "split 'train' is left out" in dataset.notes[-1]
    with pytest.raises(BadInput, match=r"'train' .* cannot be used. .*none of its images \(1,"):
        split(dataset, "train")


def test_roboflow_export(tmp_path, write):
    for folder in ("train", "valid", "test"):
        content = document(boxes=[(1, 1, 2, 3, 10, 20)], names=("red",))
        content["categories"][0]["supercategory"] = "cells"
        content["categories"].insert(0, {"id": 0, "name": "cells", "supercategory": "none"})
        write(f"{folder}/_annotations.coco.json", content, ["a.jpg"], folder)
    dataset = read_roboflow(tmp_path)
    assert list(dataset.splits) == ["train", "val", "test"]
    assert dataset.classes == ("red",)
    assert dataset.category_ids == (1,)
    assert "Roboflow's placeholder" in dataset.notes[0]


def test_given_classes_and_images(tmp_path, write):
    path = write("x.json", document(boxes=[(1, 1, 2, 3, 10, 20), (1, 2, 2, 3, 10, 20)]), ["a.jpg"], "far/away")
    dataset = read_coco(path, {"val": AnnotationFile(path, tmp_path / "far" / "away")}, ["bus"])
    assert split(dataset, "val").labels.tolist() == [0]
    assert dataset.category_ids == (2,)
    assert dataset.problems["val"].counts == {"unknown class": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "found a list instead of an object"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 1}]', "a list of detections"),
        ('{"images": [], "labels": []}', "found: images, labels"),
        ('{"images": 3, "annotations": []}', "lists 'images' and 'annotations'"),
        ('"text"', "found: str"),
        ('{"images": [', "is not JSON: .*line 1"),
    ],
)
def test_what_is_not_coco_truth_is_refused(tmp_path, text, reason):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"x\.json.*{reason}"):
        load_coco(path)


def test_annotations_of_other_images_are_refused(fixtures):
    with pytest.raises(BadInput, match=r"none of its images \(16, .* these annotations are of other images"):
        read_coco_file(fixtures / "potholes" / "test" / "_annotations.coco.json")


def test_a_partial_download_loads_what_is_there(fixtures):
    dataset = read_coco_file(fixtures / "potholes" / "valid" / "_annotations.coco.json")
    assert len(split(dataset, "val")) == 1
    assert dataset.classes == ("pothole",)
    assert dataset.category_ids == (1,)
    problems = dataset.problems["val"]
    assert (problems.images_total, problems.lost_images) == (16, 15)
    assert problems.counts["missing image"] == 15
    with pytest.raises(BadInput, match=r"15 of 16 images \(93.8%\)"):
        check_losses(dataset, "val")


def test_truth_without_images_is_for_scoring_only(fixtures):
    with pytest.raises(BadInput, match="Scoring a results file needs no images"):
        read_coco_file(fixtures / "coco" / "instances_val2014_100.json")


@pytest.mark.parametrize("at_once", [3, 100])
def test_classes_that_were_looked_for_as_lvis_states_them(write, monkeypatch, at_once):
    """Of car, bus and van, image 1 has a bus, and no car; 2 has some of its vans; 3 says nothing; 4 has nothing."""
    monkeypatch.setattr(coco_looked_for, "_AT_ONCE", at_once)
    content = document(
        "abcd", [(1, 2, 2, 3, 10, 20), (2, 3, 2, 3, 10, 20), (3, 1, 2, 3, 10, 20)], ("car", "bus", "van")
    )
    content["images"][0] |= {"neg_category_ids": [1], "not_exhaustive_category_ids": []}
    content["images"][1] |= {"neg_category_ids": [2, 99], "not_exhaustive_category_ids": [3]}
    content["images"][3] |= {"neg_category_ids": []}
    for number, image in enumerate(content["images"]):
        image["file_name"] = f"{number}.jpg"
    path = write("train.json", content, [f"{number}.jpg" for number in range(4)])
    dataset = read_coco_file(path)
    expected = [[True, True, False], [False, True, False], [True, True, True], [False, False, False]]
    found = split(dataset, "train").looked_for
    np.testing.assert_array_equal(found.sets[found.rows], expected)
    assert any("not all classes were looked for" in note for note in dataset.notes)
    truth = truth_from_file(path)
    np.testing.assert_array_equal(truth.looked_for.sets[truth.looked_for.rows], expected)


def test_an_image_that_is_left_out_does_not_shift_what_was_looked_for(write):
    content = document(["a.jpg", "gone.jpg", "b.jpg"], [])
    for image, absent in zip(content["images"], ([1], [1, 2], [2]), strict=True):
        image["neg_category_ids"] = absent
    found = split(read_coco_file(write("train.json", content, ["a.jpg", "b.jpg"])), "train").looked_for
    np.testing.assert_array_equal(found.sets[found.rows], [[True, False], [False, True]])
