import os
import re

import numpy as np
import pytest
import yaml

from detect.data.dataset import split
from detect.data.readers.yolo import is_yolo, read_yolo
from detect.errors import BadInput


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a data.yaml, and images of 200 x 100 pixels with the given labels.

    An image whose labels are None has no label file.
    """

    def write(labels: dict, *, at: str = "data.yaml", **description):
        for name, text in labels.items():
            write_image(tmp_path / name, 200, 100)
            if text is not None:
                path = (tmp_path / name.replace("images/", "labels/")).with_suffix(".txt")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        description = {"names": ["car", "bus"], "train": "images/train", **description}
        (tmp_path / at).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / at).write_text(yaml.safe_dump(description))
        return tmp_path / at

    return write


def test_boxes_polygons_and_background(write):
    labels = {
        "images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n\n1 0.1 0.1 0.3 0.2 0.2 0.5\n",
        "images/train/b.jpg": "",
        "images/train/sub/c.jpg": None,
    }
    dataset = read_yolo(write(labels))
    records = split(dataset, "train")
    np.testing.assert_allclose(records[0].boxes, [[80, 30, 120, 70], [20, 10, 60, 50]], rtol=1e-6)
    assert records[0].labels.tolist() == [0, 1]
    assert [len(record.boxes) for record in records] == [2, 0, 0]
    assert dataset.classes == ("car", "bus")
    assert dataset.category_ids == (0, 1)
    assert "images without a label file are background (1 of 3)" in " ".join(dataset.notes)
    assert "polygons and rotated boxes are replaced by their upright hulls (1)" in " ".join(dataset.notes)


def test_corners_in_place_of_a_centre_and_a_size_are_lost(write):
    # From start / 2 - 0.25 to 1.5 * start + 0.25 if read as a centre and a size: the first four leave the image by far.
    lines = [f"0 {start} {start} {start + 0.5} {start + 0.5}" for start in (0, 0.1, 0.2, 0.25, 0.3, 0.4)]
    problems = read_yolo(write({"images/train/a.jpg": "\n".join(lines)})).problems["train"]
    assert problems.counts == {"box in another form": 6}
    assert "100% are within them as x1, y1, x2, y2" in problems.summary()[0]


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("[a, b]", ("a", "b")),
        ("{1: b, 0: a}", ("a", "b")),
        ("{'1': b, '0': a}", ("a", "b")),
        ("[on, yes]", ("on", "yes")),
        ("[007, 2024-01-01]", ("007", "2024-01-01")),
        ("{0: null, 1: 1e3}", ("null", "1e3")),
        ("[' a', \"b: c\"]", (" a", "b: c")),
        ("null", ("0", "1")),
        ("", ("0", "1")),
    ],
)
def test_names_are_text_as_written(write, names, classes):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4"})
    for count in ("2", "'2'", '"2"', "02"):
        path.write_text(f"names: {names}\nnc: {count}\ntrain: images/train\nval: null\ntest:\n")
        assert read_yolo(path).classes == classes


def test_two_numbers_of_one_name_are_one_class(write):
    labels = {"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.3\n2 0.5 0.5 0.2 0.2"}
    dataset = read_yolo(write(labels, names=["car", "bus", "car"]))
    assert dataset.classes == ("car", "bus")
    assert split(dataset, "train").labels.tolist() == [0, 1, 0]
    assert "categories 0 and 2 are all named 'car'" in " ".join(dataset.notes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": {1: "a", 2: "b"}}, "'names' as a list, or as numbers from 0"),
        ({"names": []}, "'names' as a list"),
        ({"names": "car"}, "'names' as a list"),
        ({"names": ["a", ["b"]]}, "'names' as a list"),
        ({"names": ["a", ""]}, "'names' as a list"),
        ({"nc": 3}, "'nc' states 3 classes, and 'names' has 2 names. Correct the one that is wrong"),
        ({"nc": True}, "expected 'nc', the number of classes, up to 100000, found 'true'"),
        ({"nc": -1}, "expected 'nc'.* found '-1'"),
        ({"nc": [2]}, "expected 'nc'.* found"),
        ({"nc": "1" + "0" * 5000}, "expected 'nc'.* found '1000"),
        ({"train": [["images/train"]]}, r"\['images/train'\] was not found"),
        ({"train": "nowhere/else"}, "'nowhere/else' was not found"),
    ],
)
def test_descriptions_that_contradict_themselves(write, changes, reason):
    with pytest.raises(BadInput, match=reason):
        read_yolo(write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4"}, **changes))


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        ("2 0.5 0.5 0.2 0.2", "unknown class", "class 2, expected 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "unknown class", "class -1"),
        ("0 0.5 0.5 0.2", "malformed line", "found 4 fields"),
        ("0 0.5 0.5 0.2 0.2 0.9", "malformed line", "found 6 fields: is the last one a score?"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.9", "malformed line", "found 8 fields"),
        ("car 0.5 0.5 0.2 0.2", "malformed line", "not numbers: 'car 0.5"),
        ("0.5 0.5 0.5 0.2 0.2", "malformed line", "'0.5' is not a whole number"),
        ("nan 0.5 0.5 0.2 0.2", "malformed line", "'nan' is not a whole number"),
        ("0 nan 0.5 0.2 0.2", "box that is not a number", "a.jpg"),
        ("0 0.5 0.5 -1.2 0.2", "inverted box", "a.jpg"),
        ("0 0.5 0.5 0 0.2", "zero-area box", "a.jpg"),
        ("0 100 50 20 20", "box in another unit", "a.jpg"),
        ("1e300 0.5 0.5 0.2 0.2", "unknown class", "class 1e300, expected 0 to 1"),
        ("0 0.5 0.5 0.2 0.2 0.9 0.9 2 0.1 0.1 2", "malformed line", "fractions of the image, found 2. .* `kpt_shape`"),
        ("0 10 10 40 10 40 40", "malformed line", "found 40. Divide pixels by the size of the image"),
    ],
)
def test_bad_lines_are_named_and_dropped(write, line, kind, reason):
    path = write({"images/train/a.jpg": f"0 0.5 0.5 0.2 0.4\r\n{line}\r\n"})
    problems = read_yolo(path).problems["train"]
    assert problems.counts == {kind: 1}
    (problem,) = problems
    assert problem.where == f"{path.parent / 'labels' / 'train' / 'a.txt'}:2"
    assert re.search(reason, problem.what)
    assert (problems.boxes_total, problems.lost_boxes) == (2, 1)


def test_keypoints_are_not_polygons(write):
    labels = {"images/train/a.jpg": "0 0.5 0.5 0.2 0.4 0.9 0.9 0.1 0.1"}
    path = write(labels, kpt_shape=[2, 2])
    np.testing.assert_allclose(split(read_yolo(path), "train").boxes, [[80, 30, 120, 70]], rtol=1e-6)


LABELS = dict.fromkeys(["set/train/images/a.jpg", "set/valid/images/b.jpg"], "0 0.5 0.5 0.2 0.4")


@pytest.mark.parametrize(
    "description",
    [
        {"train": "train/images", "val": "valid/images"},
        {"train": "../train/images", "val": "../valid/images"},  # Roboflow writes one level too many
        {"train": "set/train/images", "val": "set/valid/images"},
        {"path": "../datasets/set", "train": "train/images", "val": "valid/images"},
        {"path": ".", "train": ["train/images"], "valid": ["./valid/images/"]},
        {"train": "/content/set/train/images", "val": "C:\\content\\set\\valid\\images"},
    ],
)
def test_where_people_have_their_images(write, description):
    dataset = read_yolo(write(LABELS, at="set/data.yaml", **description))
    assert {name: len(records.boxes) for name, records in dataset.splits.items()} == {"train": 1, "val": 1}
    assert split(dataset, "val")[0].image_path.name == "b.jpg"


def test_absolute_root(write, tmp_path):
    path = write(LABELS, at="elsewhere/data.yaml", path=str(tmp_path / "set"), train="train/images")
    assert len(split(read_yolo(path), "train")) == 1


def test_lists_of_images(write, tmp_path):
    path = write(LABELS, train=["set/train/images", "lists/more.txt"], val="lists/val.txt")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "more.txt").write_text("../set/valid/images/b.jpg\n../set/valid/images/gone.jpg\n")
    (tmp_path / "lists" / "val.txt").write_text("./set/valid/images/b.jpg\n")
    dataset = read_yolo(path)
    assert {name: len(records.boxes) for name, records in dataset.splits.items()} == {"train": 2, "val": 1}
    (problem,) = dataset.problems["train"]
    assert (problem.kind, problem.where) == ("missing image", f"{tmp_path / 'lists' / 'more.txt'}:2")


def test_an_image_listed_twice(write, tmp_path):
    path = write(LABELS, train="list.txt")
    (tmp_path / "list.txt").write_text("set/train/images/a.jpg\nset/train/images/a.jpg\n")
    dataset = read_yolo(path)
    assert len(split(dataset, "train").boxes) == 1
    assert dataset.problems["train"].counts == {"duplicate image": 1, "duplicate box": 1}


def test_labels_beside_the_images(write, tmp_path):
    path = write({"photos/a.jpg": "1 0.5 0.5 0.2 0.4"}, train="photos")
    assert split(read_yolo(path), "train").labels.tolist() == [1]


def test_no_labels_at_all(write):
    with pytest.raises(BadInput, match=r"none of its images \(1\) has a label file. .*a.txt"):
        read_yolo(write({"images/train/a.jpg": None}))


def test_splits_that_are_the_same(write):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4"}, val="images/train")
    assert "'train' and 'val' are the same images" in " ".join(read_yolo(path).notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_label_files_and_descriptions_in_other_encodings(write, encoding):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n"})
    for file in (path, path.parent / "labels" / "train" / "a.txt"):
        file.write_text(file.read_text(), encoding)
    dataset = read_yolo(path)
    assert len(split(dataset, "train").boxes) == 1
    assert not dataset.problems["train"].counts


@pytest.mark.parametrize("line", ['"1" 0.5 0.5 0.2 0.4', "'1' 0.5 0.5 0.2 0.4", "1.0 0.5 0.5 0.2 0.4"])
def test_class_numbers_as_text(write, line):
    assert split(read_yolo(write({"images/train/a.jpg": line})), "train").labels.tolist() == [1]


@pytest.mark.parametrize(
    ("image", "label"), [("A.JPG", "a.txt"), ("h\u00f6he.jpg", "ho\u0308he.TXT"), ("a b.jpg", "a%20b.txt")]
)
def test_label_files_whose_names_are_spelled_differently(write, tmp_path, image, label):
    path = write({f"images/train/{image}": None})
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train" / label).write_text("0 0.5 0.5 0.2 0.4")
    dataset = read_yolo(path)
    assert len(split(dataset, "train").boxes) == 1
    assert not dataset.problems["train"].counts


def test_label_files_without_an_image(write, tmp_path):
    line = "0 0.5 0.5 0.2 0.4\n"
    path = write({"images/train/a.jpg": line, "images/train/sub/b.jpg": line})
    (tmp_path / "images" / "train" / "c.jpg_large").touch()
    for name in ("c", "sub/d"):
        (tmp_path / "labels" / "train" / name).with_suffix(".txt").write_text(line)
    (tmp_path / "labels" / "train" / "classes.txt").write_text("car\nbus\n")
    problems = read_yolo(path).problems["train"]
    first, second = problems
    assert first.where == str(tmp_path / "labels" / "train" / "c.txt")
    assert "c.jpg_large is not an image that can be read" in first.what
    assert second.what == f"no image in {tmp_path / 'images' / 'train' / 'sub'}"
    assert (problems.images_total, problems.lost_images) == (3, 1)


def test_a_folder_of_images_and_labels_is_not_searched_for_images_of_its_labels(write):
    assert not read_yolo(write(LABELS, train="set/train", val="set/valid")).problems["train"].counts


def test_a_label_file_that_cannot_be_read_loses_its_image(write, tmp_path):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n", "images/train/b.jpg": None})
    (tmp_path / "labels" / "train" / "b.txt").mkdir()
    problems = read_yolo(path).problems["train"]
    assert problems.counts == {"unreadable label file": 1}
    assert (problems.images_total, problems.lost_images) == (2, 1)


def test_an_image_behind_one_that_is_left_out_is_found_in_its_own_line(write, tmp_path):
    names = [f"images/train/{letter}.jpg" for letter in "abc"]
    path = write(dict.fromkeys(names, "0 0.5 0.5 0.2 0.4\n"), train="train.txt")
    (tmp_path / "train.txt").write_text("\n".join(["", *names]))
    (tmp_path / "labels" / "train" / "a.txt").write_bytes(b"\xff\xfe\0")  # half a character of UTF-16
    (tmp_path / names[1]).unlink()
    problems = read_yolo(path).problems["train"]
    places = {problem.kind: problem.where for problem in problems}
    listed = tmp_path / "train.txt"
    assert places == {"unreadable label file": f"{listed}:2", "missing image": f"{listed}:3"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_place_of_a_label_file_is_not_waited_for(write, tmp_path):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n", "images/train/b.jpg": None})
    os.mkfifo(tmp_path / "labels" / "train" / "b.txt")
    (problem,) = read_yolo(path).problems["train"]
    assert "b.txt: cannot be read: it is not a regular file" in problem.what


def test_hidden_files_are_not_data(write, tmp_path):
    path = write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n"})
    for name in ("._a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg"):
        (tmp_path / "images" / "train" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "images" / "train" / name).write_bytes(b"\0\5\x16\7")
    dataset = read_yolo(path)
    assert len(split(dataset, "train")) == 1
    assert not dataset.problems["train"].counts


@pytest.mark.parametrize("stated", [".", "./", ""])
def test_a_root_that_is_the_folder_itself(write, stated):
    dataset = read_yolo(write({"images/train/a.jpg": "0 0.5 0.5 0.2 0.4\n"}, path=stated))
    assert "'path'" not in " ".join(dataset.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("names: [a]\ntrain: x", True), ("nc: 1\nvalid: x", True), ("names: [a]", False), ("train: x", False)],
)
def test_what_a_description_has(tmp_path, text, expected):
    (tmp_path / "data.yaml").write_text(text)
    assert is_yolo(tmp_path / "data.yaml") is expected
