"""MOT Challenge: lines, numbers of frames and of pixels, classes, and places of sequences."""

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a sequence of three frames of 64 x 48 pixels."""

    def write(*lines, labels="", inside="drive", names=("000001.jpg", "000002.jpg", "000010.jpg")):
        for name in names:
            write_image(tmp_path / inside / "img1" / name)
        (tmp_path / inside / "gt").mkdir()
        (tmp_path / inside / "gt" / "gt.txt").write_text("\n".join(lines))
        if labels:
            (tmp_path / inside / "gt" / "labels.txt").write_text(labels)
        return tmp_path

    return write


def test_files_of_the_challenge_count_pixels_from_1_and_have_its_classes(write):
    records = split(open_dataset(write("10,1,11,21,20,5,1,3,0.5", "1,1,1,1,8,8,0,1,1")), "train")
    assert [record.image_path.name for record in records] == ["000001.jpg", "000002.jpg", "000010.jpg"]
    np.testing.assert_array_equal(records.boxes, [[0, 0, 8, 8], [10, 20, 30, 25]])
    assert records.ignore.tolist() == [True, False]
    assert records.labels.tolist() == [1, 0]  # of "car" and "pedestrian"
    assert [len(record.boxes) for record in records] == [1, 0, 1]


def test_a_line_without_a_class_is_a_pedestrian(write):
    dataset = open_dataset(write("1,-1,11.5,21,20,5,1,-1,-1,-1", "2,-1,11,21,20,5,1"))
    assert dataset.classes == ("pedestrian",)
    np.testing.assert_array_equal(split(dataset, "train").boxes[0], [10.5, 20, 30.5, 25])


def test_files_with_names_of_classes_count_pixels_from_0(write):
    dataset = open_dataset(write("1,1,10,20,20,5,1,2,1", labels="cat\ndog\n"))
    assert dataset.classes == ("dog",)
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[10, 20, 30, 25]])


@pytest.mark.parametrize(
    "line", ["3,1,1,1,8,8,1,1,1", "1,1,1,1,8,8,1,14,1", "1.5,1,1,1,8,8,1,1,1", "1,1,1", "x,1,1,1,8,8,1"]
)
def test_lines_that_cannot_be_used_are_lost_with_their_place(write, line):
    folder = write("1,1,1,1,8,8,1,1,1", line)
    (problem,) = open_dataset(folder).problems["train"]
    assert problem.where == f"{folder / 'drive' / 'gt' / 'gt.txt'}:2"


def test_all_sequences_of_a_split_are_read(write):
    for name in ("train/a", "train/b", "test/c"):
        folder = write("1,1,1,1,8,8,1,1,1", inside=name)
    dataset = open_dataset(folder)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 6, "test": 3}
    paths = [str(record.image_path.relative_to(folder)) for record in dataset.splits["train"]]
    assert paths[::3] == ["train/a/img1/000001.jpg", "train/b/img1/000001.jpg"]


def test_one_of_the_three_folders_of_a_sequence_of_mot17_is_read(write):
    for name in ("MOT17-02-DPM", "MOT17-02-FRCNN", "MOT17-02-SDP", "MOT17-04-SDP"):
        folder = write("1,1,1,1,8,8,1,1,1", inside=name)
    dataset = open_dataset(folder)
    folders = {record.image_path.parents[1].name for record in split(dataset, "train")}
    assert folders == {"MOT17-02-DPM", "MOT17-04-SDP"}
    assert any(
        note.startswith("folders in ") and note.endswith("another detector: one of each is read (left out: 2)")
        for note in dataset.notes
    )


def test_frames_whose_names_are_not_numbers_are_numbered_in_their_order(write):
    records = split(open_dataset(write("2,1,1,1,8,8,1,1,1", names=("a.jpg", "b.jpg"))), "train")
    assert [len(record.boxes) for record in records] == [0, 1]


def test_two_frames_of_one_number_are_refused(write):
    with pytest.raises(BadInput, match="img1: several frames have the same number"):
        open_dataset(write("1,1,1,1,8,8,1,1,1", names=("000001.jpg", "1.jpg")))
