"""Truth as annotation files state it: scores are pycocotools' own to the last bit, whatever describes the dataset."""

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detect.data.readers.description import open_dataset
from detect.evaluation.coco_scores import METRICS
from detect.evaluation.results_file import evaluate_predictions
from detect.evaluation.truth import truth_from_records

WIDTH, HEIGHT, IMAGES = 640, 427, 6


def pycocotools_scores(truth: Path, results: Path) -> list[float]:
    """Return the twelve numbers of pycocotools, NaN where it has none."""
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO(str(truth))
        evaluation = COCOeval(annotated, annotated.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float("nan") if value == -1 else float(value) for value in evaluation.stats]


def scores_of(results: Path, data: Path) -> list[float]:
    scores = evaluate_predictions(results, data, "train")
    return [getattr(scores, name) for name in METRICS]


def any_box(rng: np.random.Generator) -> list[float]:
    """Return x, y, width, height: within the image or past its edge, or without width, at digits that files have."""
    x, y = rng.uniform(-30, WIDTH), rng.uniform(-30, HEIGHT)
    width, height = rng.choice([0.0, *rng.uniform(1, 300, 8)], 2)
    return [round(float(number), 2) for number in (x, y, width, height)]


def write_images(folder: Path) -> None:
    folder.mkdir()
    for number in range(1, IMAGES + 1):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((HEIGHT, WIDTH), np.uint8))


def write_coco(folder: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """Write annotations with everything that training corrects, and detections near them; return both files."""
    annotations = []
    for _ in range(60):
        box = any_box(rng)
        annotations.append(
            {
                "image_id": int(rng.integers(1, IMAGES + 1)),
                "category_id": int(rng.integers(3, 5)),
                "bbox": box,
                "area": float(rng.choice([0, box[2] * box[3], 700, 9000])),
                "iscrowd": int(rng.random() < 0.1),
            }
        )
    annotations += annotations[:5]  # stated twice
    found = [
        {
            "image_id": each["image_id"],
            "category_id": each["category_id"],
            "bbox": [max(number + float(rng.choice([0, 0, 1.3, -2.5])), 0) for number in each["bbox"]],
            "score": round(float(rng.random()), 1),
        }
        for each in annotations[::2] + annotations[::3]
    ]
    truth = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(1, IMAGES + 1)],
        "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, 1)],
    }
    paths = folder / "truth.json", folder / "results.json"
    for path, content in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(content))
    return paths


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_pycocotools_whatever_describes_the_dataset(tmp_path, seed):
    write_images(tmp_path / "images")
    truth, results = write_coco(tmp_path, np.random.default_rng(seed))
    described = tmp_path / "described.yaml"
    described.write_text("format: coco\nsplits: {train: {annotations: truth.json, images: images}}\n")
    expected = pycocotools_scores(truth, results)
    assert expected[0] > 0.1
    for data in (truth, described):
        np.testing.assert_array_equal(scores_of(results, data), expected)


def write_yolo(folder: Path, rng: np.random.Generator) -> Path:
    """Write labels some of which leave their image, are empty, or are there twice."""
    write_images(folder / "images")
    (folder / "labels").mkdir()
    for number in range(1, IMAGES + 1):
        numbers = [*rng.uniform(0, 1, (6, 4)).round(6).tolist(), [0.5, 0.5, 0.1, 0.0]]
        lines = [f"{rng.integers(2)} " + " ".join(map(str, row)) for row in numbers]
        (folder / "labels" / f"{number}.txt").write_text("\n".join([*lines, lines[0]]))
    data = folder / "data.yaml"
    data.write_text("train: images\nnames: [cat, dog]\n")
    return data


def write_voc(folder: Path, rng: np.random.Generator) -> Path:
    """Write XML files some of whose boxes leave their image, are empty, or are there twice."""
    folder.mkdir()
    write_images(folder / "JPEGImages")
    (folder / "Annotations").mkdir()
    for number in range(1, IMAGES + 1):
        corners = np.sort(rng.uniform(1, 700, (6, 2, 2)).round(1), axis=1).reshape(-1, 4).tolist()
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
            f"<ymax>{y2}</ymax></bndbox></object>"
            for name, (x1, y1, x2, y2) in zip(["cat", "dog"] * 4, [*corners, corners[0], [9, 9, 8, 30]], strict=True)
        )
        (folder / "Annotations" / f"{number}.xml").write_text(f"<annotation>{objects}</annotation>")
    return folder


def stated_in_yolo(folder: Path) -> list[list[float]]:
    """Return x, y, width and height in pixels, straight from the label files."""
    boxes = []
    for number in range(1, IMAGES + 1):
        for line in (folder / "labels" / f"{number}.txt").read_text().splitlines():
            x, y, width, height = map(float, line.split()[1:])
            boxes.append([(x - width / 2) * WIDTH, (y - height / 2) * HEIGHT, width * WIDTH, height * HEIGHT])
    return boxes


@pytest.mark.parametrize("write", [write_yolo, write_voc])
def test_formats_that_pycocotools_cannot_read_are_scored_as_their_files_say(tmp_path, write):
    """Their truth, written as COCO, gives the same scores in pycocotools; nothing is clipped, merged or dropped."""
    rng = np.random.default_rng(1)
    data = write(tmp_path / "set", rng) if write is write_voc else write(tmp_path, rng)
    dataset = open_dataset(data)
    truth = truth_from_records(dataset.splits["train"], dataset.classes, dataset.category_ids)
    assert len(truth) == 8 * IMAGES > len(dataset.splits["train"].boxes)
    annotations = [
        {"id": row + 1, "image_id": image + 1, "category_id": int(truth.category_ids[kind]), "bbox": box,
         "area": box[2] * box[3], "iscrowd": 0}
        for row, (image, kind, box) in enumerate(
            zip(truth.images.tolist(), truth.categories.tolist(), truth.boxes.tolist(), strict=True)
        )
    ]  # fmt: skip
    coco, results = tmp_path / "coco.json", tmp_path / "results.json"
    categories = [{"id": int(number), "name": str(number)} for number in truth.category_ids]
    images = [{"id": number} for number in range(1, IMAGES + 1)]
    coco.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    found = [
        {
            **{key: each[key] for key in ("image_id", "category_id")},
            "score": 0.5,
            "bbox": [abs(x) for x in each["bbox"]],
        }
        for each in annotations
    ]
    results.write_text(json.dumps(found))
    np.testing.assert_array_equal(scores_of(results, data), pycocotools_scores(coco, results))
    if write is write_yolo:
        assert truth.boxes.tolist() == stated_in_yolo(tmp_path)


def test_an_area_of_zero_stays_zero(tmp_path):
    write_images(tmp_path / "images")
    box = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "iscrowd": 0}
    annotations = [{"id": 1, "area": 0, **box}, {"id": 2, "area": 77, **box}, {"id": 3, "area": None, **box}]
    content = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": annotations,
    }
    (tmp_path / "truth.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path / "truth.json")
    truth = truth_from_records(dataset.splits["train"], dataset.classes, dataset.category_ids)
    assert truth.areas.tolist() == [0, 77, 2500]
    assert truth.notes == (
        "The scores count 2 boxes that training leaves out: they are those of pycocotools, which counts all.",
    )
