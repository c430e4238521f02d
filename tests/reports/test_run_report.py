"""The report of a run: it shows what the run folder contains, and needs nothing from outside."""

import base64
import json

import pytest
from browser import inaccessible
from pages_as_read import Page
from scored_boxes import few

from detect.evaluation.coco_scores import score
from detect.evaluation.detections import from_entries
from detect.evaluation.truth import truth_from_entries
from detect.reports.run_report import write_run_report

CAT = "<cat> & $_$"
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
    truth = truth_from_entries((1,), {1: CAT, 2: "dog", 3: "unseen"}, annotations)
    return score(truth, from_entries([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.9}]))


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "a <run>"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model": "yolox-micro", "data": "/d/<x>", "optimizer": {"k": 1}}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in METRICS_ROWS))
    (folder / "predictions_val.jpg").write_bytes(b"\xff\xd8 an image")
    return folder


def test_everything_is_inside_one_file(run_folder, scores):
    page = Page(write_run_report(run_folder, scores))
    charts = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    assert charts == [
        "Precision and recall at IoU 0.5",
        "Loss and its parts",
        "Scores on the validation images",
        "Learning rate",
    ]
    assert page.captions == ["Detections in validation images"]
    kind, _, content = page.images[0]["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(content, validate=True) == b"\xff\xd8 an image"
    assert {link.partition(":")[0] for link in page.links if not link.startswith("#")} == {"data"}
    assert not page.open
    assert sorted(path.name for path in run_folder.iterdir()) == [
        "config.json", "metrics.jsonl", "predictions_val.jpg", "report.html"
    ]  # fmt: skip


def test_texts_of_users_are_shown_as_they_are(run_folder, scores):
    page = Page(write_run_report(run_folder, scores))
    assert {"a <run>", "yolox-micro on /d/<x>"} <= set(page.texts)
    assert page.row(CAT)[0] == "1.000"
    assert page.row("data") == ["/d/<x>"]
    assert any('"data": "/d/<x>"' in text for text in page.texts)
    assert not {"cat", "run", "x"} & {tag for tag, _ in page.elements}


def test_numbers_are_shown(run_folder, scores):
    page = Page(write_run_report(run_folder, scores))
    assert page.row("AP")[0] == "0.5000"  # one class found, one missed, one without boxes
    assert page.row("unseen")[:4] == ["-"] * 4
    assert page.row("dog")[-2:] == ["1", "1"]
    assert page.texts[page.texts.index("time") - 1] == "10 min"
    bars = [attributes["style"] for tag, attributes in page.elements if tag == "i" and "style" in attributes]
    assert bars[0] == "width: 50.0%"  # AP
    assert bars[-3:] == ["width: 100.0%", "width: 0.0%", "width: 0.0%"]  # of the classes, the best first


def test_scores_come_from_the_folder_when_not_given(run_folder, scores):
    scores.save(run_folder / "evaluation.json")
    page = Page(write_run_report(run_folder))
    assert page.row("AP")[0] == "0.5000"
    assert not [tag for tag, attributes in page.elements if attributes.get("aria-label", "").startswith("Precision")]


def test_an_empty_folder_gives_a_page(tmp_path):
    page = Page(write_run_report(tmp_path))
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2", "section", "table", "img")] == ["h1"]
    assert page.texts == ["To the content", tmp_path.name]


def test_kept_classes_are_shown_before_and_after(run_folder, scores):
    (run_folder / "evaluation.json").write_text(json.dumps({"per_class": {"<car>": {"AP": 0.25}}}))
    kept = {"budget": 0.02, "classes": {"<car>": {"AP": 0.5}}}
    (run_folder / "teacher.json").write_text(json.dumps(kept))
    text = write_run_report(run_folder, scores).read_text()
    assert "Kept classes that lost more AP than 0.02: &lt;car&gt;." in text
    row = "<td>&lt;car&gt;</td><td>0.500</td><td>0.250</td><td>-0.250</td>"
    assert row in text


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_a_finished_run_shows_its_images(run_folder, windows, tmp_path, width, scheme):
    (run_folder / "predictions_val.jpg").unlink()
    scored = few(tmp_path / "data")
    path = write_run_report(run_folder, scored.scores, scored.dataset.splits["val"])
    page = windows.open(path.as_uri(), width, scheme=scheme)
    assert page.locator("#count").inner_text() == "3 of 3 images"
    assert page.locator(".card .name").all_inner_texts()[0] == "b.png"
    assert page.locator("svg.chart").count() == 5 + 3  # of the scores, and of the training
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert inaccessible(page) == []
    assert windows.requests == [path.as_uri()]
