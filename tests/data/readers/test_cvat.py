"""CVAT XML: shapes, videos, and subsets."""

import numpy as np
import pytest
from small_sets import CLASSES, HEIGHT, WIDTH, Box, cvat_box, cvat_xml, encoded_image, write_images, write_text

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


def boxes_of(tmp_path, shapes: str) -> list[list[float]]:
    """Return the boxes that shapes on "a.png" are read as."""
    write_images(tmp_path / "images", "train")
    image = f'<image id="0" name="a.png" width="{WIDTH}" height="{HEIGHT}">{shapes}</image>'
    path = write_text(tmp_path / "annotations.xml", cvat_xml([image]))
    return split(open_dataset(path), "train").boxes.tolist()


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<box label="car" xtl="10" ytl="8" xbr="30" ybr="12" rotation="90"/>', [18, 0, 22, 20]),
        ('<polygon label="car" points="5.00,4.00;9.50,4.00;7.00,11.00"/>', [5, 4, 9.5, 11]),
        ('<polyline label="car" points="5.00,4.00;9.00,11.00"/>', [5, 4, 9, 11]),
        ('<ellipse label="car" cx="20" cy="10" rx="6" ry="3"/>', [14, 7, 26, 13]),
        ('<ellipse label="car" cx="20" cy="10" rx="6" ry="3" rotation="90"/>', [17, 4, 23, 16]),
        ('<mask label="car" rle="0, 6" left="3" top="4" width="3" height="2"/>', [3, 4, 6, 6]),
        (
            '<cuboid label="car" xtl1="5" ytl1="3" xbl1="5" ybl1="9" xtr1="9" ytr1="3" xbr1="9" ybr1="9" '
            'xtl2="7" ytl2="1" xbl2="7" ybl2="7" xtr2="11" ytr2="1" xbr2="11" ybr2="7"/>',
            [5, 1, 11, 9],
        ),
    ],
)
def test_shapes_are_replaced_by_their_hulls(tmp_path, shape, box):
    np.testing.assert_allclose(boxes_of(tmp_path, shape), [box], atol=1e-5)
    dataset = open_dataset(tmp_path)
    assert any(note.endswith("other shapes are replaced by their upright hulls (1)") for note in dataset.notes)


def test_what_is_not_an_object_is_counted(tmp_path):
    others = '<points label="car" points="1,1"/><points label="car" points="2,2"/><tag label="car"/>'
    assert len(boxes_of(tmp_path, others + cvat_box(Box(0, 1, 1, 5, 5), 'label="car"'))) == 1
    notes = " ".join(open_dataset(tmp_path).notes)
    assert "elements `points` are not objects and are left out (2)" in notes
    assert "elements `tag` are not objects and are left out (1)" in notes


def test_the_order_of_the_classes_is_that_of_the_labels(tmp_path):
    boxes_of(tmp_path, cvat_box(Box(0, 1, 1, 5, 5), 'label="car"') + cvat_box(Box(0, 1, 1, 5, 6), 'label="ship"'))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == CLASSES
    assert dataset.problems["train"].counts == {"unknown class": 1}


def track(number: int, label: str, *shapes: str) -> str:
    return f'<track id="{number}" label="{label}" source="manual">{"".join(shapes)}</track>'


def frame(number: int, box: Box, outside: int = 0) -> str:
    return cvat_box(box, f'frame="{number}" outside="{outside}" keyframe="1"')


@pytest.fixture
def video(tmp_path):
    """Four frames; a car in 0 to 1, and a bus in 1."""
    (tmp_path / "images").mkdir()
    for number in range(4):
        (tmp_path / "images" / f"frame_{number:06d}.PNG").write_bytes(encoded_image("a.png"))
    car, bus = Box(0, 1, 1, 5, 5), Box(0, 2, 2, 9, 9)
    tracks = [
        track(0, "car", frame(0, car), frame(1, car), frame(2, car, outside=1)),
        track(1, "bus", frame(1, bus), frame(2, bus, outside=1)),
    ]
    write_text(tmp_path / "annotations.xml", cvat_xml(tracks))
    return tmp_path


def test_frames_of_a_video(video):
    dataset = open_dataset(video)
    records = split(dataset, "train")
    assert [record.image_path.name for record in records] == [f"frame_{number:06d}.PNG" for number in range(4)]
    assert [record.labels.tolist() for record in records] == [[1], [1, 0], [], []]
    assert records[1].boxes.tolist() == [[1, 1, 5, 5], [2, 2, 9, 9]]
    assert not dataset.problems["train"].counts


def test_a_frame_without_its_image_is_lost(video):
    (video / "images" / "frame_000001.PNG").unlink()
    problems = open_dataset(video).problems["train"]
    assert (problems.counts, problems.lost_images, problems.lost_boxes) == ({"missing image": 1}, 1, 2)
    assert str(next(iter(problems))).startswith(f"{video}/annotations.xml: frame 1:")


def test_a_box_without_frame_is_reported(video):
    path = video / "annotations.xml"
    path.write_text(path.read_text().replace('frame="0"', 'frame="first"'))
    problems = open_dataset(video).problems["train"]
    assert (problems.counts, problems.lost_boxes) == ({"malformed annotation": 1}, 1)


@pytest.mark.parametrize("subset", ["", "Train"])
def test_frames_that_are_listed_as_images_have_no_suffix(tmp_path, subset):
    folder = tmp_path / "images" / subset
    folder.mkdir(parents=True)
    (folder / "frame_000007.PNG").write_bytes(encoded_image("a.png"))
    box = cvat_box(Box(0, 1, 1, 5, 5), 'label="car"')
    image = f'<image id="7" name="frame_000007" subset="{subset}">{box}</image>'
    write_text(tmp_path / "annotations.xml", cvat_xml([image]))
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path == folder / "frame_000007.PNG"


def test_images_in_folders(tmp_path):
    write_images(tmp_path / "images" / "cam 1", "train")
    box = cvat_box(Box(0, 1, 1, 5, 5), 'label="car"')
    write_text(tmp_path / "annotations.xml", cvat_xml([f'<image id="0" name="cam 1/a.png">{box}</image>']))
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path == tmp_path / "images" / "cam 1" / "a.png"


def test_files_of_splits(tmp_path):
    write_images(tmp_path / "images", "train")
    box = cvat_box(Box(0, 1, 1, 5, 5), 'label="car"')
    for name in ("train", "val"):
        write_text(tmp_path / f"{name}.xml", cvat_xml([f'<image name="a.png">{box}</image>']))
    assert set(open_dataset(tmp_path).splits) == {"train", "val"}
    for name in ("train", "val"):
        write_text(tmp_path / f"{name}.xml", cvat_xml([f'<image name="a.png" subset="test">{box}</image>']))
    with pytest.raises(BadInput, match="two files state the split 'test'"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<annotations><image name='a.png'></annotations>", r"annotations\.xml:1: not XML"),
        ("<annotations><version>1.1</version></annotations>", "no class to learn"),
        ("<?xml version='1.0' encoding='none-such'?><annotations><meta/></annotations>", "not XML"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, why):
    path = write_text(tmp_path / "annotations.xml", text)
    with pytest.raises(BadInput, match=why):
        open_dataset(path)
