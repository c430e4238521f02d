from itertools import pairwise

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import Folder
from detect.data.readers.voc import is_voc_folder, read_voc, read_voc_lists
from detect.data.readers.voc.voc_layout import holds_annotations
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
            (tmp_path / "Annotations" / f"{stem}.xml").parent.mkdir(exist_ok=True)
            (tmp_path / "Annotations" / f"{stem}.xml").write_text(text, encoding="utf-8")
            write_image(tmp_path / "JPEGImages" / f"{stem}{suffix}")
        for name, stems in lists.items():
            (tmp_path / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(stems) + "\n")
        return tmp_path

    return write


def test_pixels_count_from_one(folder):
    dataset = read_voc(folder({"a": thing(corners=(1, 1, 64, 48)) + thing()}, {"train": ["a"]}))
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[0, 0, 64, 48], [10, 20, 30, 40]])
    assert dataset.notes[-1] == "pixels are counted from 1, as in VOC: 2 edges are at 1 and 0 below; 1 is subtracted"
    assert not dataset.problems["train"].counts


def test_of_exchanged_corners_the_smaller_are_first_pixels(folder):
    dataset = read_voc(
        folder({"a": thing(corners=(30, 21, 11, 40)) + thing("bus", (30, 40, 11, 21))}, {"train": ["a"]})
    )
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[10, 20, 30, 40]] * 2)
    assert dataset.problems["train"].counts == {"box with exchanged corners": 2}


def test_pixels_that_count_from_zero_are_recognised(folder):
    annotations = {"a": thing(corners=(0, 0, 64, 48)), "b": thing(corners=(0, 1, 20, 30))}
    dataset = read_voc(folder(annotations, {"train": ["a"], "val": ["b"]}))
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[0, 0, 64, 48]])
    np.testing.assert_array_equal(split(dataset, "val")[0].boxes, [[0, 1, 20, 30]])
    assert "counted from 0" in dataset.notes[-1]


def test_positions_within_the_first_pixel_count_from_zero(folder):
    """CVAT writes where the mouse was."""
    dataset = read_voc(folder({"a": thing(corners=(0.4, 7.25, 20.5, 30)) + thing()}, {"train": ["a"]}))
    np.testing.assert_array_equal(
        split(dataset, "train")[0].boxes, np.array([[0.4, 7.25, 20.5, 30], [11, 21, 30, 40]], np.float32)
    )
    assert dataset.notes[-1] == "pixels are counted from 0, unlike in VOC: 1 edges are below 1 and 0 at 1"


def test_where_no_box_touches_an_edge_pixels_are_counted_as_in_voc(folder):
    dataset = read_voc(folder({"a": thing()}, {"train": ["a"]}))
    np.testing.assert_array_equal(split(dataset, "train")[0].boxes, [[10, 20, 30, 40]])
    assert "nothing tells whether pixels are counted from 1 or from 0: they are taken as in VOC" in dataset.notes[-1]


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
    assert problem.where.endswith("a.xml:7")


@pytest.mark.parametrize(
    ("lists", "splits", "note"),
    [
        ({"train": ["a"], "val": ["b"], "trainval": ["a", "b"]}, {"train": 1, "val": 1}, "not a split of its own"),
        ({"trainval": ["a", "b"], "test": ["b"]}, {"train": 2, "test": 1}, "used as split 'train'"),
        ({"trainval": ["a", "b"], "val": ["b"]}, {"train": 2, "val": 1}, "used as split 'train'"),
        ({"default": ["a"]}, {"train": 1}, "default.txt, the only list"),
        ({"car_train": ["a 1"], "train": ["a  1", "", "b -1"]}, {"train": 2}, ""),
        ({"car_train": ["a 1", "b -1"], "bus_train": ["b 1"], "bus_val": ["b 1"]}, {"train": 2, "val": 1}, "together"),
        ({"car_trainval": ["a 1"], "bus_trainval": ["a -1", "b 1"]}, {"train": 2}, "used as split 'train'"),
        ({"Train": ["a"], "Validation": ["b"]}, {"train": 1, "val": 1}, ""),
        ({"train": ["a.jpg", "b.xml"]}, {"train": 2}, ""),
        ({"train": ["/home/me/VOC2007/JPEGImages/a.jpg", "C:\\\\data\\\\b.jpg"]}, {"train": 2}, ""),
        ({"train": ['"a"', "'b' 1"]}, {"train": 2}, ""),
        ({"train": ["A", "%62"]}, {"train": 2}, ""),
        ({"train": ["JPEGImages/a.jpg Annotations/a.xml"]}, {"train": 1}, ""),
        ({}, {"train": 2}, "no list and no folder names splits"),
    ],
)
def test_lists(folder, lists, splits, note):
    dataset = read_voc(folder({"a": thing(), "b": thing()}, lists))
    assert {name: len(records) for name, records in dataset.splits.items()} == splits
    assert note in " ".join(dataset.notes)


def test_lists_that_cannot_be_told_apart(folder):
    with pytest.raises(BadInput, match=r"expected the lists train.txt.* found: first, second"):
        read_voc(folder({"a": thing()}, {"first": ["a"], "second": ["a"]}))


def test_a_list_that_cannot_be_read_refuses_its_split_only(folder):
    root = folder({"a": thing()}, {"train": ["a"]})
    (root / "ImageSets" / "Main" / "val.txt").write_bytes(b"a\0")
    dataset = read_voc(root)
    assert list(dataset.splits) == ["train"]
    assert "val.txt:1: expected UTF-8 text" in dataset.refused["val"]
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"a\0")
    with pytest.raises(BadInput, match=r"no object can be used.*train.txt:1.*val.txt:1"):
        read_voc(root)


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


@pytest.mark.parametrize(
    ("objects", "names", "reason"),
    [
        ("", ["a"], "no object is annotated in any split"),
        ("", [""], "no image is named in any split"),
        ("", ["b"], r"no object can be used.* missing annotation: 1 .*train.txt:1: .*b.xml: No such file"),
        (thing(corners=("x", 1, 2, 3)), ["a"], r"malformed object: 1 .*a.xml:3: expected a name and four numbers"),
        ("<object>", ["a"], r"malformed annotation: 1 .*a.xml:\d+: not XML"),
    ],
)
def test_why_there_is_nothing_to_learn(folder, objects, names, reason):
    with pytest.raises(BadInput, match=reason):
        read_voc(folder({"a": objects}, {"train": names}))


@pytest.mark.parametrize("names", [["ali (0)", "b 1"], ["ali (0) 1", "b 1 -1"], ['"ali (0)"', '"b 1" 1']])
def test_names_with_spaces(folder, names):
    dataset = read_voc(folder({"ali (0)": thing(), "b 1": thing()}, {"train": names}))
    assert [record.image_path.stem for record in split(dataset, "train")] == ["ali (0)", "b 1"]


def test_images_without_annotation_file_are_left_out_and_counted(folder, write_image):
    root = folder({"a": thing()}, {})
    write_image(root / "JPEGImages" / "b.jpg")
    dataset = read_voc(root)
    assert len(split(dataset, "train")) == 1
    assert f"images in {root / 'JPEGImages'} without an annotation file are left out (1)" in dataset.notes


def test_an_image_that_only_its_annotation_file_names(folder):
    root = folder({"a": thing()}, {})
    text = (root / "Annotations" / "a.xml").read_text()
    (root / "Annotations" / "a.xml").unlink()
    (root / "Annotations" / "task7_a.xml").write_text(
        text.replace("<size>", "<filename>D:\\photos\\a.jpg</filename><size>")
    )
    assert split(read_voc(root), "train")[0].image_path.name == "a.jpg"


def test_an_image_of_another_kind_is_named(folder):
    root = folder({"a": thing(), "b": thing()}, {"train": ["a", "b"]})
    (root / "JPEGImages" / "b.jpg").unlink()
    (root / "JPEGImages" / "b.raw").write_bytes(b"RAW!")
    (problem,) = read_voc(root).problems["train"]
    assert problem.kind == "unreadable image"
    assert "b.raw: not an image of a known format" in problem.what


def test_splits_that_folders_are_named_after(folder, tmp_path):
    root = folder({"train/a": thing(), "valid/b": thing(), "valid/c": thing()}, {})
    dataset = read_voc(root)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 1, "val": 2}
    (tmp_path / "moved" / "test").mkdir(parents=True)
    for name in ("Annotations", "JPEGImages"):
        (root / name).rename(tmp_path / "moved" / "test" / name)
    dataset = read_voc(tmp_path / "moved")
    assert {name: len(records) for name, records in dataset.splits.items()} == {"test": 3}


def test_difficult_is_what_says_so(folder):
    values = ("0", "1", "true", "Unspecified", "")
    objects = "".join(thing(corners=(11, 21, 30, 40 - row), difficult=value) for row, value in enumerate(values))
    dataset = read_voc(folder({"a": objects}, {"train": ["a"]}))
    assert split(dataset, "train")[0].ignore.tolist() == [False, True, True, False, False]
    assert "objects that do not say whether they are difficult count as not difficult (1)" in dataset.notes


ROTATED = "<robndbox><cx>30</cx><cy>20</cy><w>20</w><h>10</h><angle>{angle}</angle></robndbox>"
BOX = "<bndbox><xmin>20</xmin><ymin>15</ymin><xmax>40</xmax><ymax>25</ymax></bndbox>"


@pytest.mark.parametrize(
    ("shape", "hull"),
    [
        (ROTATED.format(angle=0), (20, 15, 40, 25)),
        (ROTATED.format(angle=np.pi / 2), (25, 10, 35, 30)),
        # Half the sum of both sides, times the sine of 45 degrees.
        (
            ROTATED.format(angle=np.pi / 4),
            (30 - 15 * 0.5**0.5, 20 - 15 * 0.5**0.5, 30 + 15 * 0.5**0.5, 20 + 15 * 0.5**0.5),
        ),
        ("<polygon><x1>3</x1><y1>9</y1><x2>8</x2><y2>2</y2><x3>5</x3><y3>11</y3></polygon>", (3, 2, 8, 11)),
        (
            "<polygon><pt><x>3</x><y>9</y></pt><pt><x>8</x><y>2</y></pt><pt><x>5</x><y>11</y></pt></polygon>",
            (3, 2, 8, 11),
        ),
        ("<bndbox><x0>3</x0><y0>2</y0><x1>8</x1><y1>4</y1><x2>5</x2><y2>9</y2></bndbox>", (3, 2, 8, 9)),
        (
            f"{BOX}<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>",
            (25, 10, 35, 30),
        ),
    ],
)
def test_rotated_boxes_and_polygons(folder, shape, hull):
    objects = f"<object><name>car</name>{shape}</object>"
    dataset = read_voc(folder({"a": objects}, {"train": ["a"]}))
    np.testing.assert_allclose(split(dataset, "train")[0].boxes, [hull], rtol=1e-6)
    assert "rotated boxes and polygons are replaced by their upright hulls (1)" in dataset.notes


@pytest.mark.parametrize(
    "shape",
    [
        ROTATED.format(angle="nan"),
        "<polygon><x1>3</x1><y1>9</y1><x2>8</x2><y2>2</y2></polygon>",
        "<polygon><x1>3</x1><y1>9</y1><x2>8</x2><y2>2</y2><x3>5</x3></polygon>",
        "<bndbox/>",
    ],
)
def test_shapes_without_a_hull(folder, shape):
    objects = thing() + f"<object><name>car</name>{shape}</object>"
    problems = read_voc(folder({"a": objects}, {"train": ["a"]})).problems["train"]
    assert problems.counts == {"malformed object": 1}


@pytest.mark.parametrize(
    ("name", "codec", "stated", "guessed"),
    [
        ("红", "gb2312", "gb2312", ""),
        ("红", "gbk", "GBK", ""),
        ("红", "gbk", "", "gb18030"),
        ("café", "cp1252", "windows-1252", ""),
        ("café", "cp1252", "", "cp1252"),
        ("红", "utf-16", "utf-16", ""),
        ("red", "utf-8", "utf-16", ""),
        ("red", "utf-8", "klingon", ""),
    ],
)
def test_encodings(folder, name, codec, stated, guessed):
    root = folder({"a": thing(name)}, {"train": ["a"]})
    path = root / "Annotations" / "a.xml"
    declaration = f'<?xml version="1.0" encoding="{stated}"?>' if stated else ""
    path.write_bytes((declaration + path.read_text("utf-8")).encode(codec))
    dataset = read_voc(root)
    assert dataset.classes == (name,)
    assert (f"read as {guessed}" in " ".join(dataset.notes)) == bool(guessed)


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ('<!ENTITY x SYSTEM "file:///etc/passwd">', "undefined entity"),
        (
            '<!ENTITY a "lol">' + "".join(f'<!ENTITY {n} "{20 * f"&{b};"}">' for b, n in pairwise("abcdefgx")),
            "amplification",
        ),
    ],
)
def test_entities_are_refused(folder, declaration, reason):
    root = folder({"a": thing("NAME"), "b": thing()}, {"train": ["a", "b"]})
    path = root / "Annotations" / "a.xml"
    path.write_text(f"<!DOCTYPE l [{declaration}]>" + path.read_text().replace("NAME", "&x;"))
    (problem,) = read_voc(root).problems["train"]
    assert problem.kind == "malformed annotation"
    assert reason in problem.what


def test_files_beside_images_are_annotations_of_voc(folder, tmp_path):
    root = folder({"a": thing()}, {})
    assert not holds_annotations(Folder(root))
    (root / "Annotations" / "a.xml").rename(root / "a.xml")
    assert holds_annotations(Folder(root))
    (root / "a.xml").write_text("<annotations><image/></annotations>")
    assert not holds_annotations(Folder(root))


def test_a_folder_of_images_with_another_name(folder):
    root = folder({"a": thing()}, {})
    (root / "JPEGImages").rename(root / "photos")
    assert split(read_voc(root), "train")[0].image_path == root / "photos" / "a.jpg"


def test_folders_of_annotations_in_a_description(folder):
    root = folder({"a": thing()}, {})
    dataset = read_voc_lists(root, {"val": [root / "Annotations"]}, images={"val": root / "JPEGImages"})
    assert len(split(dataset, "val").boxes) == 1
    with pytest.raises(BadInput, match=r"elsewhere.*train.txt: expected a list in a VOC folder"):
        read_voc_lists(root, {"train": [root.parent / "elsewhere" / "1" / "2" / "3" / "4" / "train.txt"]})


def test_layout(folder, tmp_path):
    assert not is_voc_folder(Folder(tmp_path))
    assert is_voc_folder(Folder(folder({"a": thing()}, {"train": ["a"]})))


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
    assert "13 edges are at 1 and 0 below" in dataset.notes[-1]
    np.testing.assert_array_equal(split(dataset, "test")[0].boxes[0], [165, 179, 266, 287])


@pytest.mark.parametrize(("image", "name"), [("a", "1a2b3c4d-a"), ("1a2b3c4d-a", "a")])
def test_an_annotation_file_or_its_image_may_have_the_prefix_of_an_upload(folder, tmp_path, image, name):
    path = folder({name: thing()}, {"train": [name]})
    (tmp_path / "JPEGImages" / f"{name}.jpg").rename(tmp_path / "JPEGImages" / f"{image}.jpg")
    dataset = open_dataset(path)
    assert [record.image_path.stem for record in split(dataset, "train")] == [image]
    assert not dataset.problems["train"].counts
