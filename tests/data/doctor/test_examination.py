import json
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Severity, Subject
from detect.data.doctor.dataset_tables import tables
from detect.data.doctor.examination import CHECKS, examine, prepare, refuses
from detect.data.doctor.summary import summary
from detect.data.looked_for import distinct
from detect.data.pixels.stored_forms import FORMS
from detect.data.problems import Problems
from detect.data.records import Records
from detect.data.survey import Survey
from detect.data.texts import Texts


def test_nothing_to_find(dataset_of, grid):
    images = [[*grid(25), (1, 300, 300, 50, 60 + number)] for number in range(20)]
    assert examine(prepare(dataset_of(train=images, val=images))) == []


def test_codes_are_unique_and_texts_are_sentences():
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    assert all(check.advice.endswith(".") and not check.finds.endswith(".") for check in CHECKS)


def test_the_worst_comes_first(dataset_of, grid):
    findings = examine(prepare(dataset_of(val=[grid(101), []])))
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.ERROR
    assert severities[-1] is Severity.NOTE
    assert refuses(findings)
    assert not refuses(findings[1:])


def test_progress_counts_all_splits(dataset_of, grid):
    shown = []
    prepare(dataset_of(train=[grid(1), grid(1)], val=[grid(1)]), progress=lambda *counts: shown.append(counts))
    assert shown == [(1, 3), (2, 3), (3, 3)]


def test_summary_is_json(dataset_of, grid):
    dataset = dataset_of(train=[grid(20, side=7) + grid(20, 1), grid(2)])
    findings = examine(prepare(dataset))
    content = json.loads(summary(dataset, findings))
    assert content["classes"] == [{"name": "a", "category_id": 0}, {"name": "b", "category_id": 1}]
    assert content["splits"]["train"] == {"images": 2, "boxes": 42, "lost_images": 0, "lost_boxes": 0}
    (tiny,) = [finding for finding in content["findings"] if finding["code"] == "tiny-boxes"]
    assert (tiny["severity"], tiny["split"], tiny["count"]) == ("warning", "train", 20)
    assert tiny["examples"][0]["boxes"] == [[0, 0, 7, 7]]
    assert content["trainable"]


def test_tables(dataset_of, grid):
    dataset = dataset_of(train=[[(0, 0, 0, 10, 10), (1, 0, 0, 50, 50)], [(1, 0, 0, 200, 200)], []], val=[grid(3)])
    mapping, splits, boxes, images, classes = tables(dataset)
    assert mapping.rows == (("a", "0", "0"), ("b", "1", "1"))
    assert splits.rows == (("train", "3", "1", "3", "0", "0", "0"), ("val", "1", "0", "3", "0", "0", "0"))
    assert boxes.rows[0] == ("train", "1", "1", "1", "1, 1.9, 2")
    assert images.rows[0] == ("train", "640, 640, 640", "480, 480, 480")
    assert classes.columns == ("class", "train: boxes", "train: images", "val: boxes", "val: images")
    assert classes.rows == (("a", "1", "1", "3", "1"), ("b", "2", "2", "0", "0"))
    assert all(len(row) == len(table.columns) for table in tables(dataset) for row in table.rows)


def test_long_lists_of_classes_that_were_looked_for_are_cut(dataset_of):
    dataset = dataset_of(tuple("abcdefghijklm"), train=[[(0, 0, 0, 10, 10)], [], []], val=[[]])
    looked_for = distinct(np.array([[True] * 12 + [False], [True] * 13, [True] * 12 + [False]]))
    train = replace(dataset.splits["train"], looked_for=looked_for)
    *_, table = tables(replace(dataset, splits={**dataset.splits, "train": train}))
    cut = "a, b, c, d, e, f, g, h, i, j and 2 more"
    assert table.rows == (("train", "2", cut), ("train", "1", "all"), ("val", "1", "all"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 60), boxes=st.integers(0, 300))
def test_every_check_takes_every_dataset(tmp_path, seed, images, boxes):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 3000, (images, 2)).astype(np.int32)
    of_image = np.sort(random.integers(0, images, boxes))
    corners = np.sort(random.random((boxes, 2, 2)), axis=1) * sizes[of_image][:, None]
    corners[: boxes // 2] = np.round(corners[: boxes // 2], -1)
    corners[:, 1] = np.maximum(corners[:, 1], corners[:, 0] + 1)
    records = Records(
        folder=str(tmp_path),
        paths=Texts(f"image {number:03}.jpg" for number in range(images)),
        image_ids=np.arange(images),
        sizes=sizes,
        box_ends=np.cumsum(np.bincount(of_image, minlength=images), dtype=np.int64),
        boxes=corners.reshape(-1, 4).astype(np.float32),
        labels=random.integers(0, 3, boxes).astype(np.int32),
        ignore=random.random(boxes) < random.random(),
        areas=np.ones(boxes),
    )
    splits = {"train": records, "val": records.select(range(0, images, 2))}
    problems = {split: Problems(len(part), len(part.boxes)) for split, part in splits.items()}
    dataset = Dataset(tmp_path, "test data", ("a", "as", "b"), (1, 2, 3), splits, problems, ())
    surveys = {split: survey_of(random, len(part)) for split, part in splits.items()}
    findings = examine(Subject(dataset, surveys))
    assert "same-class-names" in [finding.code for finding in findings]
    assert all(type(finding.count) is int for finding in findings)
    json.loads(summary(dataset, findings))


def survey_of(random: np.random.Generator, images: int) -> Survey:
    """Return a survey in which some images are unreadable, and some look alike."""
    prints = random.integers(0, 256, (3, 16), dtype=np.uint8)[random.integers(0, 3, images)]
    flags = random.random((3, images)) < 0.5
    forms = random.integers(0, len(FORMS), images).astype(np.uint8)
    return Survey(flags[0], prints, prints[::-1], forms, flags[1], flags[2])
