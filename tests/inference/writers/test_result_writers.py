"""Results as COCO JSON, CSV, YOLO label files and crops."""

import csv
import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.sources.frames import Frame, Source, VideoFormat
from detect.inference.writers.coco_results import CocoWriter, ResultIds, own_ids
from detect.inference.writers.crop_files import CropWriter
from detect.inference.writers.csv_table import CsvWriter
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.yolo_labels import YoloWriter

VIDEO = VideoFormat(Fraction(25), Fraction(1, 25))
CLASSES = ("cat", "dog/wolf")


def result(name="a/1", boxes=((10, 20, 30, 40),), label=1, **frame):
    kind = "video" if "video" in frame else "image"
    source = Source(f"in/{name}.jpg", kind, name, f"in/{name}.jpg", file_name=f"{name}.jpg")
    image = np.full((80, 50, 3), 90, np.uint8)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.full(len(boxes), label, np.int32)
    return Result(boxes, np.full(len(boxes), 0.5, np.float32), labels, CLASSES, Frame(source, image, 50, 80, **frame))


def frame(index):
    return result("clip", index=index, timestamp=Fraction(index, 25), video=VIDEO)


def write(writer, *results):
    with writer:
        for item in results:
            writer.write(item)


def coco(path, *results, names_of=None):
    sources = names_of or [item.frame.source for item in results]
    write(CocoWriter(path, own_ids(sources, (30, 10))), *results)
    return json.loads(path.read_text())


def test_coco_results(tmp_path):
    entries = coco(tmp_path / "r.json", result("b"), result("none", boxes=()), result("c", label=0))
    box = {"bbox": [10, 20, 20, 20], "score": 0.5}
    assert entries == [
        {"image_id": "b.jpg", "category_id": 10, "category_name": "dog/wolf", "file_name": "b.jpg", **box},
        {"image_id": "c.jpg", "category_id": 30, "category_name": "cat", "file_name": "c.jpg", **box},
    ]


def test_numbers_as_names_are_image_ids(tmp_path):
    results = [result("000000000139"), result("000000000285")]
    assert [entry["image_id"] for entry in coco(tmp_path / "a.json", *results)] == [139, 285]
    huge = result("9" * 30)
    for others in ([*results, result("x")], [result("a/1"), result("b/1")], [result("1"), huge]):
        entries = coco(tmp_path / "b.json", *others)
        assert [entry["image_id"] for entry in entries] == [item.frame.source.file_name for item in others]


def test_coco_results_of_videos_say_which_frame(tmp_path):
    entries = coco(tmp_path / "r.json", frame(0), frame(3))
    assert [(entry["image_id"], entry["frame"], entry["timestamp"]) for entry in entries] == [(1, 0, 0), (2, 3, 0.12)]


def test_coco_results_with_the_ids_of_a_dataset(tmp_path):
    ids = ResultIds({"a": 7, "b": 3}, (None, 5))
    write(CocoWriter(tmp_path / "r.json", ids), result("b"), result("a", label=0), result("a", label=1))
    entries = json.loads((tmp_path / "r.json").read_text())
    assert [(entry["image_id"], entry["category_id"]) for entry in entries] == [(3, 5), (7, 5)]


def test_coco_results_of_nothing(tmp_path):
    assert coco(tmp_path / "r.json", result(boxes=())) == []
    assert coco(tmp_path / "s.json", names_of=[result().frame.source]) == []


def test_csv(tmp_path):
    write(CsvWriter(tmp_path / "new" / "t.csv"), result("ü,漢"), result("none", boxes=()), frame(3))
    with open(tmp_path / "new" / "t.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["path", "frame", "timestamp", "label", "name", "score", "x1", "y1", "x2", "y2"]
    assert rows == [
        ["in/ü,漢.jpg", "0", "", "1", "dog/wolf", "0.50000", "10.00", "20.00", "30.00", "40.00"],
        ["in/clip.jpg", "3", "0.120000", "1", "dog/wolf", "0.50000", "10.00", "20.00", "30.00", "40.00"],
    ]


def test_names_that_are_not_utf8(tmp_path):
    write(CsvWriter(tmp_path / "t.csv"), result("b\udcff"))
    assert b"in/b\xff.jpg" in (tmp_path / "t.csv").read_bytes()
    assert coco(tmp_path / "r.json", result("b\udcff"))[0]["file_name"] == "b\udcff.jpg"


def test_yolo_text(tmp_path):
    with OutputFolder(tmp_path) as folder:
        write(YoloWriter(folder, [], CLASSES), result(), result("none", boxes=()), frame(3))
    assert (tmp_path / "labels/a/1.txt").read_text() == "1 0.400000 0.375000 0.400000 0.250000\n"
    assert (tmp_path / "labels/none.txt").read_text() == ""
    assert (tmp_path / "labels/clip-000003.txt").exists()
    assert (tmp_path / "classes.txt").read_text() == "cat\ndog/wolf\n"


def test_label_files_are_read_as_they_were_written(tmp_path):
    from detect.data.readers.description import open_dataset

    boxes = {"a/1": ((10, 20, 30, 40), (0, 0, 50, 80)), "none": (), "b": ((0.25, 1.5, 17.125, 79.75),)}
    with OutputFolder(tmp_path) as folder:
        write(YoloWriter(folder, [], CLASSES), *(result(name, corners) for name, corners in boxes.items()))
    for name in boxes:
        write_image(tmp_path / "images" / f"{name}.jpg", np.full((80, 50, 3), 90, np.uint8))
    dataset = open_dataset(tmp_path)
    read = {record.image_path.stem: record for records in dataset.splits.values() for record in records}
    assert dataset.classes == CLASSES
    for name, corners in boxes.items():
        record = read[name.rpartition("/")[2]]
        np.testing.assert_allclose(record.boxes, np.array(corners).reshape(-1, 4), atol=1e-4)
        assert record.labels.tolist() == [1] * len(corners)


def test_crops(tmp_path):
    with OutputFolder(tmp_path) as folder:
        write(CropWriter(folder, CLASSES), result(boxes=((10, 20, 30, 40), (0, 0, 5, 5))), frame(3))
    names = sorted(path.relative_to(tmp_path / "crops").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert names == ["dog_wolf/a/1-1.jpg", "dog_wolf/a/1-2.jpg", "dog_wolf/clip-000003-1.jpg"]


def test_each_class_has_a_folder_of_its_own_for_its_crops(tmp_path):
    classes = ("..", ".", "a/b", "a:b", "A_B")
    with OutputFolder(tmp_path / "out") as folder:
        found = (dataclasses.replace(result("x", label=label), classes=classes) for label in range(5))
        write(CropWriter(folder, classes), *found)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    assert names == [f"out/crops/{name}/x-1.jpg" for name in ("A_B-3", "_-2", "_", "a_b-2", "a_b")]


@pytest.mark.parametrize("name", ["=1+2", "+a", "-a", "@a", "\ta"])
def test_no_cell_is_a_formula(tmp_path, name):
    write(CsvWriter(tmp_path / "t.csv"), dataclasses.replace(result("x", label=0), classes=(name, "b")))
    (row,) = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert row["name"] == f"'{name}"
    assert row["x1"] == "10.00"


def test_a_class_name_is_one_line(tmp_path):
    with OutputFolder(tmp_path) as folder:
        write(YoloWriter(folder, [], ("one\nline", "two")))
    assert (tmp_path / "classes.txt").read_text() == "one line\ntwo\n"


def fail(writer, error):
    def write_and_fail():
        writer.write(result())
        raise error

    with pytest.raises(type(error)), writer:
        write_and_fail()


def test_what_is_not_complete_is_called_partial(tmp_path):
    fail(CsvWriter(tmp_path / "t.csv"), KeyboardInterrupt())
    fail(CocoWriter(tmp_path / "r.json", own_ids([], (30, 10))), KeyboardInterrupt())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.partial.json", "t.partial.csv"]
    assert len(json.loads((tmp_path / "r.partial.json").read_text())) == 1


def test_bad_input_leaves_nothing(tmp_path):
    fail(CsvWriter(tmp_path / "t.csv"), BadInput("no such source"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ['{"images": []}', '[{"id": 1, "annotations": []}]', "a,b\n", "text"])
def test_files_of_others_are_not_replaced(tmp_path, content):
    for name, create in (("t.csv", CsvWriter), ("r.json", lambda path: CocoWriter(path, own_ids([], (1,))))):
        (tmp_path / name).write_text(content)
        with pytest.raises(BadInput, match=f"{name} would be replaced, but it is not a"):
            create(tmp_path / name)
        assert (tmp_path / name).read_text() == content


def test_own_files_and_empty_ones_are_replaced(tmp_path):
    (tmp_path / "t.csv").touch()
    for _ in range(2):
        write(CsvWriter(tmp_path / "t.csv"), result())
        assert len(coco(tmp_path / "r.json", result())) == 1
    assert coco(tmp_path / "r.json", result(boxes=())) == []
    assert len(coco(tmp_path / "r.json", result())) == 1
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 2
