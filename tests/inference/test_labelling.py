"""Datasets whose boxes are detections."""

import numpy as np
import pytest

from detect.data.readers.description import open_dataset
from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.labelling import label

BOX = (24, 16, 48, 32)


@pytest.fixture
def images(tmp_path, image_with_red_box):
    """An image with an object, whose label somebody has corrected, one without, and one that cannot be read."""
    folder = tmp_path / "images"
    write_image(folder / "b" / "2.png", image_with_red_box(BOX))
    write_image(folder / "1.png", image_with_red_box((0, 0, 0, 0)))
    (folder / "b" / "2.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "3.png").write_bytes(b"bad")
    return folder


@pytest.mark.parametrize("to", ["coco", "voc", "yolo"])
def test_detections_become_the_boxes_of_a_dataset(red_finder, images, tmp_path, to):
    notes, done = [], []
    written = label(
        red_finder, images, to, tmp_path / "set", note=notes.append, progress=lambda *state: done.append(state)
    )
    assert written.splits == {"train": (2, 1)}
    assert written.losses == ()
    assert not [note for note in written.notes if "masks" in note]
    assert done == [(1, 3), (2, 3)]
    assert any("3.png" in note for note in notes)
    dataset = open_dataset(tmp_path / "set")
    records = {record.image_path.name: record for record in dataset.splits["train"]}
    (found,) = red_finder.predict(images / "b" / "2.png")
    np.testing.assert_allclose(records["2.png"].boxes, found.boxes, atol=0.51 if to == "voc" else 1e-3)
    assert [dataset.classes[label] for label in records["2.png"].labels] == ["red"]
    assert len(records["1.png"].boxes) == 0
    assert (images / "b" / "2.txt").read_text() == "0 0.5 0.5 0.1 0.1\n"


def test_which_objects_is_an_option(red_finder, images, tmp_path):
    written = label(red_finder, images / "b" / "2.png", "yolo", tmp_path / "set", classes="never")
    assert written.splits == {"train": (1, 0)}


def test_nothing_is_overwritten(red_finder, images, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="set"):
        label(red_finder, images, "yolo", tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine.txt"]


def test_videos_have_no_image_files(red_finder, image_with_red_box, write_video, tmp_path):
    video = write_video(tmp_path / "v.mp4", [image_with_red_box(BOX)] * 2)
    with pytest.raises(BadInput, match=r"v\.mp4: expected image files\. Of a video, `detect predict --save-frames"):
        label(red_finder, video, "yolo", tmp_path / "set")
    assert not (tmp_path / "set").exists()
