"""The boxes and the thresholds of a teacher, as they are stored in the folder of a run."""

import math

import numpy as np
import pytest

from detect.errors import BadInput
from detect.training.run_folder import RunFolder
from detect.training.teachers.teacher import Lesson, TaughtClass, TeacherCard, describe, limits_by_label, read_lesson
from detect.training.teachers.teaching import Boxes


@pytest.fixture
def lesson() -> Lesson:
    classes = {
        "car": TaughtClass(AP=0.5, annotated=0.5, doubtful=0.125),
        "bus": TaughtClass(AP=None, annotated=None, doubtful=0.25),
    }
    card = TeacherCard(weights="runs/old", data_digest="0", budget=0.02, classes=classes)
    boxes = np.array([[0, 0, 8, 8], [8, 8, 16, 16]], np.float32)
    found = Boxes(np.array([0, 2]), boxes, np.zeros(2, np.int32), np.array([0.75, 0.25], np.float32))
    return Lesson(card, found)


def test_a_lesson_is_read_as_it_was_written(lesson, tmp_path):
    lesson.save(RunFolder(tmp_path))
    read = read_lesson(RunFolder(tmp_path))
    assert read.card == lesson.card
    for name, column in vars(lesson.boxes).items():
        np.testing.assert_array_equal(getattr(read.boxes, name), column)
        assert getattr(read.boxes, name).dtype == column.dtype


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not an archive"])
def test_a_lesson_that_is_missing_or_damaged_is_named(lesson, tmp_path, content):
    lesson.save(RunFolder(tmp_path))
    if content is None:
        (tmp_path / "teacher.npz").unlink()
    else:
        (tmp_path / "teacher.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"What the teacher found cannot be read: .* Start anew"):
        read_lesson(RunFolder(tmp_path))


def test_classes_that_the_teacher_does_not_know_are_not_taken_from_it(lesson):
    assert limits_by_label(lesson.card, ("car", "bike", "bus")) == [(0.5, 0.125), (math.inf,) * 2, (math.inf, 0.25)]


def test_each_class_has_a_line(lesson):
    assert describe(lesson, 3) == [
        "Teacher: runs/old annotated its classes in 3 images.",
        "  car: 1 box, 1 ignored region (scores from 0.50 and from 0.12)",
        "  bus: never precise enough: not learnt from these images",
    ]
