"""Manifests of SageMaker Ground Truth: jobs, their classes, and images on which they failed."""

import json

import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset

BOX = {"class_id": 0, "left": 10, "top": 20, "width": 20, "height": 5}


def job(name, *boxes, date="2026-01-01", names=None) -> dict:
    metadata = {"class-map": names or {"0": "car"}, "creation-date": date, "type": "groundtruth/object-detection"}
    return {name: {"annotations": [*boxes], "image_size": []}, f"{name}-metadata": metadata}


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a manifest whose lines are of a.jpg, b.jpg and so on, and these images."""

    def write(*lines):
        for name in "abc"[: len(lines)]:
            write_image(tmp_path / f"{name}.jpg")
        named = [{"source-ref": f"s3://x/y/{name}.jpg", **line} for name, line in zip("abc", lines, strict=False)]
        path = tmp_path / "train.manifest"
        path.write_text("\n".join(map(json.dumps, named)))
        return path

    return write


def test_numbers_of_classes_are_those_of_the_job_on_that_line(write):
    path = write(job("x", BOX), job("x", BOX, {**BOX, "class_id": 7, "left": 0}, names={"0": "bus", "7": "car"}))
    records = split(open_dataset(path), "train")
    assert records.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(records.boxes[0], [10, 20, 30, 25])


def test_the_newest_of_several_jobs_counts(write):
    path = write({**job("x", BOX, BOX, date="2026-01-01"), **job("y", BOX, date="2026-01-02")})
    dataset = open_dataset(path)
    assert len(split(dataset, "train").boxes) == 1
    assert any(
        note.endswith("where images have boxes of several jobs, those of the newest are taken (1)")
        for note in dataset.notes
    )


def test_a_job_without_a_date_is_not_the_newest(write):
    path = write({**job("x", BOX), **job("y", BOX, BOX, date=None)})
    assert len(split(open_dataset(path), "train").boxes) == 1


def test_images_on_which_the_job_failed_are_left_out(write):
    failed = {"x-metadata": {"failure-reason": "no worker", "human-annotated": "yes"}}
    dataset = open_dataset(write(job("x", BOX), failed, job("x")))
    assert [len(record.boxes) for record in split(dataset, "train")] == [1, 0]
    assert any(note.endswith("images without boxes of any job are left out (1)") for note in dataset.notes)


@pytest.mark.parametrize("box", [{**BOX, "class_id": 3}, {**BOX, "left": None}, {"class_id": 0}, 3])
def test_malformed_boxes_are_reported(write, box):
    path = write(job("x", BOX, box))
    (problem,) = open_dataset(path).problems["train"]
    assert problem.where == f"{path}:1, annotation 1"
