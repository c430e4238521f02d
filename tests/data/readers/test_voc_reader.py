import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.voc import is_voc_folder, read_voc, read_voc_lists
from detect.errors import BadInput


def thing(name="car", corners=(11, 21, 30, 40), difficult=0) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{name}>{value}</{name}>" for name, value in zip(names, corners, strict=True))
    return f"<object>\n<name>{name}</name><difficult>{difficult}</difficult>\n<bndbox>{box}</bndbox>\n</object>\n"


@pytest.fixture
def folder(tmp_path, write_image):
    """Return a function that writes annotation files by stem, their images and the lists, and returns the folder."""

    def write(annotations: dict, lists: dict, suffix: str = ".jpg"):
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
        for stem, objects in annotations.items():
            size = "<size><width>64</width><height>48</height></size>"
            text = f"<annotation>\n{size}\n{objects}</annotation>\n"
            (tmp_path / "Annotations" / f"{stem}.xml").write_text(text)
            write_image(tmp_path / "JPEGImages" / f"{stem}{suffix}")
        for name, stems in lists.items():
            (tmp_path / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(stems) + "\n")
        return tmp_path

    return write


def test_pixels_count_from_one(folder):
    dataset = read_voc(folder({"a": thing(corners=(1, 1, 64, 48)) + thing()}, {"train": ["a"]}))
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[0, 0, 64, 48], [10, 20, 30, 40]])
    assert dataset.notes[-1] == "pixels are counted from 1, as in VOC: 2 edges are at 1 and 0 at 0; 1 is subtracted"
    assert not dataset.problems["train"].counts


def test_pixels_that_count_from_zero_are_recognised(folder):
    annotations = {"a": thing(corners=(0, 0, 64, 48)), "b": thing(corners=(0, 1, 20, 30))}
    dataset = read_voc(folder(annotations, {"train": ["a"], "val": ["b"]}))
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[0, 0, 64, 48]])
    np.testing.assert_array_equal(split(dataset, "val")[0].boxes, [[0, 1, 20, 30]])
    assert "counted from 0" in dataset.notes[-1]


def test_classes_are_sorted_and_difficult_objects_ignored(folder):
    objects = thing("van") + thing("bus", difficult=1) + thing("car", (2, 2, 9.5, 9.5))
    dataset = read_voc(folder({"a": objects}, {"train": ["a"]}))
    record = split(dataset, "train")[0]
    assert dataset.classes == ("bus", "car", "van")
    assert record.labels.tolist() == [2, 0, 1]
    assert record.ignore.tolist() == [False, True, False]
    np.testing.assert_array_equal(record.boxes[2], [1, 1, 9.5, 9.5])


def test_parts_of_objects_are_not_objects(folder):
    whole = thing("person").replace("</object>", "<part><name>head</name><bndbox/></part></object>")
    dataset = read_voc(folder({"a": whole}, {"train": ["a"]}))
    assert dataset.classes == ("person",)
    assert len(split(dataset, "train").boxes) == 1


def test_a_click_without_a_drag_has_no_area(folder):
    dataset = read_voc(folder({"a": thing() + thing("van", (5, 6, 5, 6))}, {"train": ["a"]}))
    problems = dataset.problems["train"]
    assert problems.counts == {"zero-area box": 1}
    (problem,) = problems
    assert problem.where.endswith("a.xml:7 (van)")


@pytest.mark.parametrize(
    ("lists", "splits", "note"),
    [
        ({"train": ["a"], "val": ["b"], "trainval": ["a", "b"]}, {"train": 1, "val": 1}, "not a split of its own"),
        ({"trainval": ["a", "b"], "test": ["b"]}, {"train": 2, "test": 1}, "used as split 'train'"),
        ({"trainval": ["a", "b"], "val": ["b"]}, {"train": 2, "val": 1}, "used as split 'train'"),
        ({"default": ["a"]}, {"train": 1}, "default.txt, the only list"),
        ({"car_train": ["a 1"], "train": ["a  1", "", "b -1"]}, {"train": 2}, ""),
    ],
)
def test_lists(folder, lists, splits, note):
    dataset = read_voc(folder({"a": thing(), "b": thing()}, lists))
    assert {name: len(records) for name, records in dataset.splits.items()} == splits
    assert note in " ".join(dataset.notes)


def test_lists_that_cannot_be_told_apart(folder):
    with pytest.raises(BadInput, match=r"expected the lists train.txt.* found: first, second"):
        read_voc(folder({"a": thing()}, {"first": ["a"], "second": ["a"]}))


def test_other_image_formats(folder):
    dataset = read_voc(folder({"a": thing()}, {"train": ["a"]}, ".png"))
    assert split(dataset, "train")[0].image_path.name == "a.png"


def test_images_without_objects_are_background(folder):
    dataset = read_voc(folder({"a": thing(), "b": ""}, {"train": ["a", "b"]}))
    assert [len(record.boxes) for record in split(dataset, "train")] == [1, 0]


def test_bad_files_and_objects_are_named(folder):
    nameless = thing("").replace("<name></name>", "")
    root = folder({"a": thing() + nameless + thing(corners=(1, 2, "x", 4)), "b": thing()}, {"train": list("abcd")})
    (root / "Annotations" / "b.xml").write_text("<annotation>\n<object>\n</annotation>")
    (root / "Annotations" / "d.xml").write_text(f"<annotation>{thing()}</annotation>")
    dataset = read_voc(root)
    problems = dataset.problems["train"]
    assert problems.counts == {
        "malformed object": 2,
        "malformed annotation": 1,
        "missing annotation": 1,
        "missing image": 1,
    }
    assert (problems.images_total, problems.lost_images) == (4, 3)
    assert (problems.boxes_total, problems.lost_boxes) == (4, 3)
    places = [problem.where for problem in problems]
    assert f"{root / 'Annotations' / 'a.xml'}:7" in places
    assert f"{root / 'Annotations' / 'a.xml'}:11" in places
    assert f"{root / 'Annotations' / 'b.xml'}:3" in places
    assert f"{root / 'ImageSets' / 'Main' / 'train.txt'}:3" in places


def test_given_classes_refuse_others(folder):
    root = folder({"a": thing("car") + thing("van") + thing("bus")}, {"train": ["a"]})
    dataset = read_voc_lists(root, {"val": [root / "ImageSets" / "Main" / "train.txt"]}, ["van", "bus"])
    assert split(dataset, "val").labels.tolist() == [0, 1]
    assert dataset.problems["val"].counts == {"unknown class": 1}
    assert (dataset.problems["val"].boxes_total, dataset.problems["val"].lost_boxes) == (3, 1)


def test_nothing_annotated(folder):
    with pytest.raises(BadInput, match="no object is annotated"):
        read_voc(folder({"a": ""}, {"train": ["a"]}))


def test_layout(folder, tmp_path):
    assert not is_voc_folder(tmp_path)
    assert is_voc_folder(folder({"a": thing()}, {"train": ["a"]}))


def test_blood_cells(fixtures):
    dataset = read_voc(fixtures / "bccd")
    assert {name: (len(part), len(part.boxes)) for name, part in dataset.splits.items()} == {
        "train": (6, 63),
        "val": (3, 36),
        "test": (3, 28),
    }
    assert dataset.classes == ("Platelets", "RBC", "WBC")
    assert [dict(problems.counts) for problems in dataset.problems.values()] == [
        {"zero-area box": 1},
        {"zero-area box": 1},
        {},
    ]
    assert "13 edges are at 1 and 0 at 0" in dataset.notes[-1]
    np.testing.assert_array_equal(split(dataset, "test")[0].boxes[0], [165, 179, 266, 287])
