"""TFRecord files: splits, shards, classes, ids, and what is damaged."""

import struct
from itertools import starmap
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import (
    HEIGHT,
    TRUTH,
    WIDTH,
    Box,
    detection_example,
    encoded_example,
    write_detection_records,
    write_label_map,
    write_records,
)

from detect.data.crc32c import masked_crc
from detect.data.dataset import split
from detect.data.pixels.images import read_image
from detect.data.readers.description import open_dataset
from detect.data.readers.tf_examples.tfrecord_files import is_record_name, missing_shards
from detect.errors import BadInput

BOXES = (Box(0, 10, 5, 20, 15), Box(1, 0, 0, 8, 4))
PREFIX = "image/object/class"


def write(path: Path, **changes: list) -> Path:
    """Write a file with one example of two boxes, in which features are changed, or left out where they are None."""
    features = {**detection_example("a.png", BOXES), **{name.replace("__", "/"): v for name, v in changes.items()}}
    return write_records(path, [encoded_example({name: v for name, v in features.items() if v is not None})])


def test_images_are_read_from_their_place(tmp_path):
    dataset = open_dataset(write_detection_records(tmp_path / "train.tfrecord", "train"))
    for record in split(dataset, "train"):
        np.testing.assert_array_equal(
            read_image(record.image_path), np.full((HEIGHT, WIDTH, 3), ord(record.image_path.name[0]))
        )


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of caches."""
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["train.tfrecord.gz", "train.tfrecord", "train.record-00000-of-00001.gz"])
def test_compressed_files_are_unpacked_once(cache, tmp_path, name):
    path = tmp_path / "data" / name
    path.parent.mkdir()
    write_records(path, map(encoded_example, starmap(detection_example, TRUTH["train"].items())), "GZIP")
    for source in (path, path.parent):
        dataset = open_dataset(source)
        assert [record.image_path.name for record in split(dataset, "train")] == list(TRUTH["train"])
        assert any("compressed files are unpacked (1), such as" in note for note in dataset.notes)
    assert len([found for found in cache.rglob("*") if found.is_file()]) == 1


def test_a_compressed_file_that_ends_early(cache, tmp_path):
    """The records before the end are read; the pixels are random, so that nothing is small when it is compressed."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 100, 100, 3), np.uint8)
    images = {name: cv2.imencode(".png", image)[1].tobytes() for name, image in zip("ab", pixels, strict=True)}
    examples = [{**detection_example(name, BOXES), "image/encoded": [image]} for name, image in images.items()]
    path = write_records(tmp_path / "train.tfrecord.gz", map(encoded_example, examples), "GZIP")
    path.write_bytes(path.read_bytes()[:-1000])
    dataset = open_dataset(path)
    assert [record.image_path.name for record in split(dataset, "train")] == ["a"]
    assert dataset.problems["train"].counts["damaged record"] == 1


@pytest.mark.parametrize(
    "name", ["a.tfrecord", "train-00000-of-00010.tfrecord", "t.record-00001-of-00010", "A.TFREC", "a.tfrecord.gz"]
)
def test_names_of_files(name):
    assert is_record_name(name)


@pytest.mark.parametrize("name", ["a.txt", "train-00000-of-00010", "record", "a.tfrecord.idx"])
def test_names_of_other_files(name):
    assert not is_record_name(name)


def test_shards_are_one_split_and_missing_ones_are_named(tmp_path):
    for shard in (0, 2, 3):
        write(tmp_path / f"train.record-{shard:05d}-of-00005")
    write(tmp_path / "val.record")
    write(tmp_path / "more.record")
    dataset = open_dataset(tmp_path)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 3, "val": 1}
    assert "split 'train': 2 of the 5 shards of train.record-* are missing, such as 1, 4" in dataset.notes
    assert "not read, because no split is in their names: more.record" in dataset.notes
    assert missing_shards([Path("a.record"), Path("b-1-of-2"), Path("b-0-of-2")]) == ""


def test_files_without_a_split_are_training_files(tmp_path):
    write(tmp_path / "a.record")
    write(tmp_path / "b.record")
    assert len(split(open_dataset(tmp_path), "train")) == 2


@pytest.mark.parametrize(
    ("texts", "numbers", "with_map", "classes", "ids", "labels"),
    [
        ([b"bus", b"car"], [1, 2], True, ("bus", "car"), (1, 2), [0, 1]),
        (None, [2, 1], True, ("bus", "car"), (1, 2), [1, 0]),
        ([b"car", b"bus"], None, True, ("bus", "car"), (1, 2), [1, 0]),
        ([b"car", b"bus"], [1, 2], True, ("bus", "car"), (1, 2), [1, 0]),  # contradicts the map
        ([b"", b"bus"], [2, 9], True, ("bus", "car"), (1, 2), [1, 0]),
        ([b"cat", b"ant"], [3, 7], False, ("cat", "ant"), (3, 7), [0, 1]),
        ([b"cat", b"ant"], None, False, ("ant", "cat"), (1, 2), [1, 0]),
        (None, [9, 4], False, ("4", "9"), (4, 9), [1, 0]),
        ([b"one", b"one"], [1, 2], False, ("one",), (1,), [0, 0]),
    ],
)
def test_classes_are_texts_or_numbers(tmp_path, texts, numbers, with_map, classes, ids, labels):
    write(tmp_path / "train.record", **{f"{PREFIX}/text": texts, f"{PREFIX}/label": numbers})
    if with_map:
        write_label_map(tmp_path / "label_map.pbtxt")
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, dataset.category_ids) == (classes, ids)
    assert split(dataset, "train").labels.tolist() == labels
    assert any("the text counts" in note for note in dataset.notes) == (texts == [b"car", b"bus"] and numbers == [1, 2])


def test_the_display_name_is_shown_and_the_name_is_known(tmp_path):
    write(tmp_path / "train.record", **{f"{PREFIX}/text": [b"/m/1", b"Dog"], f"{PREFIX}/label": None})
    (tmp_path / "label_map.pbtxt").write_text(
        "item { id: 5 name: '/m/1' display_name: 'Cat' } item { id: 6 name: '/m/2' display_name: 'Dog' }"
    )
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, split(dataset, "train").labels.tolist()) == (("Cat", "Dog"), [0, 1])


@pytest.mark.parametrize("number", [2, 9])
def test_a_class_that_the_map_does_not_name_is_reported(tmp_path, number):
    """Its number may be that of another class: the map may belong to other data."""
    write(tmp_path / "train.record", **{f"{PREFIX}/text": [b"bus", b"ship"], f"{PREFIX}/label": [1, number]})
    write_label_map(tmp_path / "label_map.pbtxt")
    dataset = open_dataset(tmp_path)
    (problem,) = dataset.problems["train"]
    assert (problem.kind, problem.action) == ("unknown class", "dropped")
    assert f"'ship' and the number {number}" in problem.what
    assert problem.where.endswith(", box 1")
    assert (dataset.problems["train"].boxes_total, dataset.problems["train"].lost_boxes) == (2, 1)


def test_a_description_orders_the_classes(tmp_path):
    write(tmp_path / "a.record")
    path = tmp_path / "set.yaml"
    path.write_text("format: tfrecord\nclasses: [car, bus]\nsplits:\n  val: {annotations: [a.record]}\n")
    dataset = open_dataset(path)
    assert (dataset.classes, dataset.category_ids) == (("car", "bus"), (2, 1))
    assert split(dataset, "val").labels.tolist() == [1, 0]
    path.write_text("format: tfrecord\nclasses: [car, cow]\nsplits:\n  val: {annotations: [a.record]}\n")
    with pytest.raises(BadInput, match=r"no class is named cow\. Known: bus, car"):
        open_dataset(path)


def test_ids_are_the_stated_ones_where_each_image_has_its_own(tmp_path):
    for number, name in ((41, "x"), (42, "y")):
        write(tmp_path / f"{name}.record", **{"image/source_id": [str(number).encode()]})
    assert split(open_dataset(tmp_path), "train").image_ids.tolist() == [41, 42]
    write(tmp_path / "z.record", **{"image/source_id": [b"42"]})
    assert split(open_dataset(tmp_path), "train").image_ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize("flag", ["is_crowd", "difficult", "group_of"])
def test_flags_and_areas(tmp_path, flag):
    changes = {"image/object/is_crowd": None, f"image/object/{flag}": [0, 1], "image/object/area": [60.0, 0.0]}
    records = split(open_dataset(write(tmp_path / "a.record", **changes)), "train")
    assert records.ignore.tolist() == [False, True]
    assert records.areas.tolist() == pytest.approx([60, 32])


def test_boxes_of_a_turned_image_are_fractions_of_the_stored_one(tmp_path):
    """EXIF orientation 6: the stored 40 x 20 pixels are shown as 20 x 40, the left edge on top."""
    jpeg = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    exif = b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    records = split(open_dataset(write(tmp_path / "a.record", **{"image/encoded": [turned]})), "train")
    assert records.sizes.tolist() == [[HEIGHT, WIDTH]]
    # x1, y1, x2, y2 become 20 - y2, x1, 20 - y1, x2.
    np.testing.assert_allclose(records.boxes, [[5, 10, 15, 20], [16, 0, 20, 8]], atol=1e-5)


def test_features_of_different_length_are_reported(tmp_path):
    write_records(
        tmp_path / "a.record",
        map(
            encoded_example,
            [
                detection_example("a.png", BOXES),
                {**detection_example("b.png", BOXES), "image/object/bbox/xmax": [0.5]},
            ],
        ),
    )
    dataset = open_dataset(tmp_path)
    (problem,) = dataset.problems["train"]
    assert problem.what == "expected as many values in all features of boxes, found 1, 2"
    assert "'b.png' at byte" in problem.where
    assert (dataset.problems["train"].boxes_total, dataset.problems["train"].lost_boxes) == (4, 2)


def test_names_do_not_lead_out_of_the_file(tmp_path):
    for number, name in enumerate(["../../a.png", "/etc/a.png", "C:\\x\\a.png", "cam/a.png"]):
        write(tmp_path / f"{number}.record", **{"image/filename": [name.encode()]})
    names = [str(record.image_path.relative_to(tmp_path)) for record in split(open_dataset(tmp_path), "train")]
    assert [name.split("/", 2)[2] for name in names] == ["a.png", "etc/a.png", "x/a.png", "cam/a.png"]


def test_an_image_without_a_name_gets_one(tmp_path):
    dataset = open_dataset(write(tmp_path / "a.record", **{"image/filename": None}))
    assert split(dataset, "train")[0].image_path.name == "image-000001"


def spoiled(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_damaged_record_is_left_out_and_the_rest_is_read(tmp_path):
    path = write_detection_records(tmp_path / "train.tfrecord", "train")
    spoiled(path, 12)  # the first byte of the data of "a.png"
    dataset = open_dataset(path)
    (problem,) = dataset.problems["train"]
    assert problem.where == f"{path}: record at byte 12"
    assert "checksum" in problem.what
    assert (dataset.problems["train"].images_total, dataset.problems["train"].lost_images) == (len(TRUTH["train"]), 1)
    assert [record.image_path.name for record in split(dataset, "train")] == list(TRUTH["train"])[1:]


def test_behind_a_damaged_length_the_next_record_is_found(tmp_path):
    path = write_detection_records(tmp_path / "train.tfrecord", "train")
    (first,) = struct.unpack("<Q", path.read_bytes()[:8])
    spoiled(path, first + 16)
    dataset = open_dataset(path)
    (problem,) = dataset.problems["train"]
    assert problem.where == f"{path}: record at byte {first + 28}"
    assert problem.what.startswith("its length is damaged")
    assert dataset.problems["train"].lost_images == 1
    assert [record.image_path.name for record in split(dataset, "train")] == ["a.png", *list(TRUTH["train"])[2:]]


def test_behind_the_last_record_whose_length_is_damaged_there_is_nothing(tmp_path):
    features = detection_example("a.png", BOXES)
    path = write_records(tmp_path / "train.tfrecord", [encoded_example(features), b"x" * 3 * 2**20])
    (first,) = struct.unpack("<Q", path.read_bytes()[:8])
    spoiled(path, first + 16)
    problems = open_dataset(path).problems["train"]
    assert (problems.images_total, problems.lost_images) == (2, 1)


def test_a_file_that_ends_early(tmp_path):
    path = write_detection_records(tmp_path / "train.tfrecord", "train")
    path.write_bytes(path.read_bytes()[:-1])
    dataset = open_dataset(path)
    (problem,) = dataset.problems["train"]
    assert problem.what == "the file ends within it"
    assert len(split(dataset, "train")) == len(TRUTH["train"]) - 1


def test_a_record_without_image(tmp_path):
    write_records(
        tmp_path / "a.record",
        map(
            encoded_example,
            [
                detection_example("a.png", BOXES),
                {**detection_example("b.png", BOXES), "image/encoded": [b""]},
                {},
            ],
        ),
    )
    dataset = open_dataset(tmp_path / "a.record")
    assert dataset.problems["train"].counts == {"damaged record": 2}
    assert "'image/encoded' holds no image" in str(next(iter(dataset.problems["train"])))


def test_files_of_other_content_are_refused(tmp_path):
    path = write_records(tmp_path / "a.record", [encoded_example({"text": [b"x"]})])
    with pytest.raises(BadInput, match=r"'image/encoded' holds no image"):
        open_dataset(path)
    with pytest.raises(BadInput, match="does not hold a dataset"):
        open_dataset(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(BadInput):
        open_dataset(path)


def test_boxes_without_objects_anywhere(tmp_path):
    path = write_records(tmp_path / "a.record", [encoded_example(detection_example("b.png", TRUTH["train"]["b.png"]))])
    with pytest.raises(BadInput, match="No object is annotated"):
        open_dataset(path)


@settings(deadline=None)
@given(st.data())
def test_whatever_a_record_holds(tmp_path_factory, data):
    """Bytes of an example are replaced by others, and its checksum is that of the result."""
    folder = tmp_path_factory.mktemp("record")
    good = encoded_example(detection_example("a.png", BOXES))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    bad = good[:start] + data.draw(st.binary(max_size=20)) + good[end:]
    header = struct.pack("<Q", len(bad))
    stored = header + struct.pack("<I", masked_crc(header)) + bad + struct.pack("<I", masked_crc(bad))
    path = write_records(folder / "a.record", [good])
    path.write_bytes(path.read_bytes() + stored)
    dataset = open_dataset(path)
    assert len(split(dataset, "train")) + dataset.problems["train"].lost_images == 2
