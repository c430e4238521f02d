"""The report of a run: complete with whatever the run folder holds, and in need of nothing from outside."""

import json
import re

import pytest

from detect.evaluation.coco_scores import score
from detect.evaluation.detections import from_entries
from detect.evaluation.report import write_report
from detect.evaluation.truth import truth_from_entries

METRICS_ROWS = [
    {"step": 1, "epoch": 0.5, "time": 100.0, "kind": "train", "loss": 3.0, "box": 2.0, "learning_rate": 0.01},
    {"step": 2, "epoch": 1.0, "time": 400.0, "kind": "val", "AP": 0.1, "AP50": 0.2},
    {"step": 3, "epoch": 1.5, "time": 700.0, "kind": "train", "loss": float("nan"), "box": 1.0, "learning_rate": 0.01},
]


@pytest.fixture
def scores():
    keys = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
    boxes = [(1, 1, 1, [0, 0, 9, 9], 81, 0), (2, 1, 2, [50, 0, 9, 9], 81, 0)]
    annotations = [dict(zip(keys, box, strict=True)) for box in boxes]
    truth = truth_from_entries((1,), {1: "<cat> & co", 2: "dog", 3: "unseen"}, annotations)
    return score(truth, from_entries([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.9}]))


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "a <run>"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model": "yolox-micro", "data": "/d/<x>", "optimizer": {"k": 1}}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in METRICS_ROWS))
    (folder / "predictions_val.jpg").write_bytes(b"\xff\xd8 a picture")
    return folder


def images_of(page: str) -> list[str]:
    return re.findall(r"<img alt='([^']*)' src='data:image/(?:svg\+xml|jpeg);base64,[A-Za-z0-9+/=]+'>", page)


def test_everything_is_inside_one_file(run_folder, scores):
    page = write_report(run_folder, scores).read_text("utf-8")
    assert "http" not in page
    assert page.count("<img") == page.count("src=") == len(images_of(page))
    assert images_of(page) == [
        "Precision and recall at IoU 0.5",
        "Objects down, what they are found as across, at confidence 0.25 and IoU 0.5",
        "Loss and its parts",
        "Scores on the validation images",
        "Learning rate",
        "What the model finds in validation images",
    ]
    assert sorted(path.name for path in run_folder.iterdir()) == [
        "config.json", "metrics.jsonl", "predictions_val.jpg", "report.html"
    ]  # fmt: skip


def test_texts_are_escaped(run_folder, scores):
    page = write_report(run_folder, scores).read_text("utf-8")
    assert "&lt;cat&gt; &amp; co" in page
    assert "a &lt;run&gt;" in page
    assert "/d/&lt;x&gt;" in page
    assert "<cat>" not in page


def test_numbers_are_shown(run_folder, scores):
    page = write_report(run_folder, scores).read_text("utf-8")
    assert "<b>AP</b></td><td>0.5000</td>" in page  # one class found, one missed, one without boxes
    assert "<td>unseen</td><td>-</td>" in page
    assert "<b>10 min</b>" in page


def test_scores_come_from_the_folder_when_not_given(run_folder, scores):
    scores.save(run_folder / "evaluation.json")
    page = write_report(run_folder).read_text("utf-8")
    assert "<td>0.5000</td>" in page
    assert "Precision and recall at IoU 0.5" not in images_of(page)


def test_an_empty_folder_gives_a_page(tmp_path):
    assert "</html>" in write_report(tmp_path).read_text("utf-8")
